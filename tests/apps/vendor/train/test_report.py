from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from apps.vendor.train.history import NOTICES
from apps.vendor.train.report import GATED, evaluation, gate, judged, slice_of


def rows(skill: float, baseline_skill: float, count: int = 3000, weeks: int = 40) -> pd.DataFrame:
    """Answers of a model and a baseline that know the risk so well, 0 to 1."""
    rng = np.random.default_rng(0)
    odds = rng.normal(0, 2.0, count)
    notice = np.resize(NOTICES, count)

    def stated(known: float) -> np.ndarray:
        noisy = known * odds + (1 - known) * rng.normal(0, 2.0, count)
        return 1 / (1 + np.exp(-noisy))

    return pd.DataFrame(
        {
            "actual": (rng.random(count) < 1 / (1 + np.exp(-odds))).astype(float),
            "predicted": stated(skill),
            "baseline": stated(baseline_skill),
            "flagged": (odds > 2).astype(float),
            "baseline_flagged": (odds > 3).astype(float),
            "notice": notice,
            "from_stock": rng.random(count) < 0.5,
            "week": rng.integers(0, weeks, count),
            "slice": [slice_of(one) for one in notice],
        }
    )


def passed(made: pd.DataFrame) -> dict[str, bool]:
    return {check.name: check.passed for check in gate(evaluation(made, seed=1))}


def test_a_better_model_passes() -> None:
    assert all(passed(rows(0.9, 0.3)).values())


def test_a_model_the_baseline_beats_is_refused_and_told_why() -> None:
    checks = gate(evaluation(rows(0.3, 0.9), seed=1))
    assert not any(check.passed for check in checks)
    assert checks[0].reason == "the vendor's own share is at least as good"


def test_a_gain_that_may_be_chance_is_refused() -> None:
    made = rows(0.6, 0.3, count=240)
    made["predicted"] = np.where(made["week"] == 1, made["predicted"], made["baseline"])
    checks = gate(evaluation(made, seed=1))
    assert checks[0].reason in ("the gain may be chance", "the vendor's own share is at least as good")


def test_a_test_part_that_is_too_short_is_refused() -> None:
    check = gate(evaluation(rows(0.9, 0.3, weeks=3), seed=1))[0]
    assert not check.passed
    assert "too short" in check.reason


def test_a_part_of_one_outcome_is_refused_not_crashed_on() -> None:
    check = gate(evaluation(rows(0.9, 0.3).assign(actual=0.0), seed=1))[0]
    assert not check.passed
    assert check.measured == "nothing"


def test_every_measure_stands_beside_the_baseline() -> None:
    made = evaluation(rows(0.8, 0.4), seed=1)
    assert made.kind == "probabilities"
    bare = {metric.name for metric in made.metrics if metric.baseline is None}
    assert bare == {"share_flagged", "share_actual"}
    with_interval = {(metric.name, metric.slice) for metric in made.metrics if metric.gain_low is not None}
    assert with_interval == {(name, slice_of(notice)) for name in ("auroc", "brier") for notice in NOTICES}
    assert {slice_of(notice) for notice in NOTICES} <= {metric.slice for metric in made.metrics}
    assert slice_of(GATED) == "1 day ahead"


def test_answers_are_put_beside_the_truth() -> None:
    days = pd.to_datetime(["2020-01-08", "2020-02-01"])
    tidy = pd.DataFrame({"scheduled": days, "asked": days - pd.Timedelta(days=7), "late": [1.0, 0.0]})
    outputs = {
        "probability": np.array([[0.7], [0.2]], np.float32),
        "excess": np.array([[0.5, 0.1], [0.0, -0.4]], np.float32),
        "vendor_rate": np.array([[0.3], [0.1]], np.float32),
    }
    found = judged(tidy.assign(fulfilment=["stock", "direct"]), outputs, 0.2)
    assert found["flagged"].tolist() == found["baseline_flagged"].tolist() == [1.0, 0.0]
    assert found["baseline"].tolist() == pytest.approx([0.3, 0.1])
    assert found["slice"].tolist() == ["7 days ahead"] * 2
    assert found["from_stock"].tolist() == [True, False]
