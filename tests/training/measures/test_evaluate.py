from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from training.measures.evaluate import beside, coverage, mae, mape, pinball, r2, rmse, wape

vectors = arrays(np.float64, 20, elements=st.floats(-1e6, 1e6))


@given(vectors, vectors)
def test_measures_agree_with_each_other(actual: np.ndarray, predicted: np.ndarray) -> None:
    assert 0 <= mae(actual, predicted) <= rmse(actual, predicted) * (1 + 1e-9) + 1e-9
    assert pinball(actual, predicted, 0.5) == pytest.approx(mae(actual, predicted) / 2, abs=1e-9)
    assert mae(actual, actual) == rmse(actual, actual) == 0


@given(vectors)
def test_r2_of_the_mean_is_zero(actual: np.ndarray) -> None:
    found = r2(actual, np.full_like(actual, actual.mean()))
    assert np.isnan(found) or found == pytest.approx(0, abs=1e-9)


def test_percentages() -> None:
    actual, predicted = np.array([100.0, 200.0]), np.array([110.0, 180.0])
    assert mape(actual, predicted) == pytest.approx(10)
    assert wape(actual, predicted) == pytest.approx(10)
    assert wape(np.zeros(2), predicted) == float("inf")


def test_mape_is_refused_near_zero() -> None:
    with pytest.raises(ValueError, match="use wape"):
        mape(np.array([5000.0, 4800.0, 22.0]), np.ones(3))


def test_coverage_counts_the_bounds() -> None:
    assert coverage(np.array([1.0, 2.0, 3.0]), np.array([1.0, 0.0, 0.0]), np.array([1.0, 2.0, 2.0])) == 2 / 3


def test_a_metric_stands_beside_its_baseline() -> None:
    metric = beside(
        "mae", mae, np.array([1.0, 2.0]), np.array([1.0, 2.0]), np.zeros(2), "h7", "t", gain=(0.1, 0.3)
    )
    assert (metric.value, metric.baseline, metric.slice, metric.rows) == (0.0, 1.5, "h7", 2)
    assert (metric.gain_low, metric.gain_high) == (0.1, 0.3)
