"""Every measure beside scikit-learn's or a plain formula, on weighted rows."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from sklearn import metrics

from tests.training.compare.made import judged, values
from training.compare.measures import SMALLEST, Side, measures_of, side_of
from training.recipe import Kind

Weights = npt.NDArray[np.float64]


def weights_of(side: Side, least: int = 0) -> Weights:
    return np.random.default_rng(5).integers(least, 4, (6, side.blocks)).astype(np.float64)


def found(side: Side, weights: Weights, name: str, kind: Kind) -> Weights:
    (measure,) = (one for one in measures_of(kind, {"low", "high"}, wape=True) if one.name == name)
    return measure.of(side, weights)


@pytest.mark.parametrize("name", ["auroc", "average_precision", "brier", "log_loss"])
def test_probabilities(name: str) -> None:
    side = side_of(judged("probabilities").rows)
    weights = weights_of(side)
    plain = {
        "auroc": metrics.roc_auc_score,
        "average_precision": metrics.average_precision_score,
        "brier": metrics.brier_score_loss,
        "log_loss": metrics.log_loss,
    }[name]
    wanted = [
        plain(side.actual, np.clip(side.predicted, SMALLEST, 1 - SMALLEST), sample_weight=one[side.block])
        for one in weights
    ]
    assert len(np.unique(side.predicted)) < len(side.predicted)  # equal scores are among them
    assert found(side, weights, name, kind="probabilities") == pytest.approx(wanted, rel=1e-5)


@pytest.mark.parametrize("name", ["accuracy", "macro_f1"])
def test_classes(name: str) -> None:
    rows = judged("classes").rows
    side = side_of(rows, pd.Index(["A", "B"]))
    weights = weights_of(side, least=1)
    each = [one[side.block] for one in weights]
    if name == "accuracy":
        wanted = [metrics.accuracy_score(side.actual, side.predicted, sample_weight=one) for one in each]
    else:
        wanted = [
            metrics.f1_score(side.actual, side.predicted, average="macro", sample_weight=one) for one in each
        ]
    assert found(side, weights, name, kind="classes") == pytest.approx(wanted)


@pytest.mark.parametrize("name", ["mae", "rmse", "wape", "coverage", "width"])
def test_values(name: str) -> None:
    side = side_of(values(8.0).rows)
    weights = weights_of(side)
    error = np.abs(side.actual - side.predicted)
    wanted = []
    for one in weights:
        each = one[side.block]
        wanted.append(
            {
                "mae": np.average(error, weights=each),
                "rmse": np.sqrt(np.average(error**2, weights=each)),
                "wape": 100 * (error * each).sum() / (np.abs(side.actual) * each).sum(),
                "coverage": np.average(error <= 10, weights=each),
                "width": 20.0,
            }[name]
        )
    assert found(side, weights, name, kind="values") == pytest.approx(wanted)


def test_one_class_alone_cannot_be_ranked() -> None:
    side = side_of(judged("probabilities").rows.assign(actual=1))
    assert np.isnan(found(side, np.ones((2, side.blocks)), "auroc", kind="probabilities")).all()


def test_a_score_ranks_and_its_place_is_no_probability() -> None:
    rows = judged("probabilities").rows
    names = [one.name for one in measures_of("probabilities", {"score"})]
    assert names == ["auroc", "average_precision"]
    side = side_of(rows.assign(score=rows["predicted"] * 100, predicted=0.5))
    plain = side_of(rows)
    whole = np.ones((1, side.blocks))
    assert found(side, whole, "auroc", kind="probabilities") == found(plain, whole, "auroc", kind="probabilities")
    assert found(plain, whole, "auroc", kind="probabilities")[0] > 0.9


def test_intervals_are_measured_only_where_there_are_any() -> None:
    assert [one.name for one in measures_of("values", set())] == ["mae", "rmse"]
