from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from training.measures.calibration import platt


def drawn(slope: float, intercept: float, count: int = 20_000, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    margin = random.normal(-2, 1.5, count)
    return margin, (random.random(count) < 1 / (1 + np.exp(-slope * margin - intercept))).astype(float)


@given(st.floats(0.3, 3), st.floats(-1, 1), st.integers(0, 2**32 - 1))
def test_the_truth_is_found_again(slope: float, intercept: float, seed: int) -> None:
    found = platt(*drawn(slope, intercept, seed=seed))
    assert found == pytest.approx((slope, intercept), abs=0.5)


def test_it_is_logistic_regression() -> None:
    margin, actual = drawn(0.7, 0.4)
    peer = LogisticRegression(C=1e9, tol=1e-10).fit(margin[:, None], actual)
    assert platt(margin, actual) == pytest.approx((peer.coef_[0, 0], peer.intercept_[0]), abs=2e-3)


def test_the_mean_probability_is_the_share() -> None:
    margin, actual = drawn(1.4, -0.5, count=3000)
    slope, intercept = platt(margin, actual)
    stated = 1 / (1 + np.exp(-slope * margin - intercept))
    assert stated.mean() == pytest.approx(actual.mean(), abs=1e-3)


def test_margins_that_separate_the_classes_give_finite_numbers() -> None:
    margin = np.r_[np.full(50, -1.0), np.full(50, 1.0)]
    slope, intercept = platt(margin, (margin > 0).astype(float))
    assert 1 < slope < 100
    assert abs(intercept) < 1


def test_a_margin_that_says_nothing_gives_the_share() -> None:
    slope, intercept = platt(np.zeros(100), np.r_[np.ones(20), np.zeros(80)])
    assert 1 / (1 + np.exp(-intercept)) == pytest.approx(0.2, abs=0.02)
    assert slope == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_one_class_only_is_refused(share: float) -> None:
    with pytest.raises(ValueError, match="both classes"):
        platt(np.arange(10.0), np.full(10, share))
