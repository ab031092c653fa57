from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from apps.quality.serve.features import Lots
from apps.quality.train.watch import GROSS, auroc, planted, watching
from tests.apps.quality.tables import bean_model, bean_split, lot_model, lot_split, model_of


def test_area_under_the_curve_is_scikit_learns_with_ties() -> None:
    rng = np.random.default_rng(1)
    actual = rng.integers(0, 2, 400)
    score = np.round(rng.normal(size=400) + actual, 1)
    assert auroc(actual, score) == pytest.approx(roc_auc_score(actual, score))
    assert np.isnan(auroc(np.zeros(3, dtype=int), score[:3]))


def test_a_planted_error_puts_one_measurement_off() -> None:
    lots = Lots(np.zeros((50, 3)), np.zeros((50, 0, 3)), np.zeros(50, dtype=np.intp))
    spread = np.array([1.0, 2.0, 3.0])
    away = np.abs(planted(lots, spread, seed=1).values) / spread
    assert (np.sort(away, axis=1) == [0, 0, GROSS]).all()
    assert (lots.values == 0).all()


def test_what_the_flag_sees_is_measured_with_and_without_a_history() -> None:
    metrics = {
        (metric.name, metric.slice): metric for metric in watching(model_of(bean_model()[1]), bean_split()[1], 7)
    }
    for part in ("no history", "with a history"):
        assert metrics["false_alarms", part].value < 0.06
        assert metrics["gross_auroc", part].value > 0.9
        assert (metrics["gross_auroc", part].gain_low or 0) > 0.3
        assert metrics["gross_caught", part].value > 0.5
    assert {part for name, part in metrics if name == "anomaly_auroc"} == {
        f"grade {grade} {how}"
        for grade in ("DERMASON", "SEKER", "SIRA")
        for how in ("never seen", "from a supplier of another")
    }
    assert metrics["anomaly_auroc", "grade SIRA from a supplier of another"].value > 0.8


def test_grades_of_other_suppliers_are_no_anomaly_where_suppliers_mix_grades() -> None:
    metrics = watching(model_of(lot_model()[1]), lot_split()[1], 7)
    assert not [metric for metric in metrics if "from a supplier" in metric.slice]
    assert all(np.isfinite(metric.value) for metric in metrics)
