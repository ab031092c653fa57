from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.vendor.schema import VendorContext
from apps.vendor.serve.calibrate import finish, thresholds
from apps.vendor.serve.columns import FEATURES, RATE_COLUMN

CONTEXT = VendorContext(base_rate=0.1, slope=0.8, intercept=-0.5, elevated=0.25, high=0.5)


def finished(margin: float, rate: float = 0.3) -> dict[str, np.ndarray]:
    features = np.zeros((1, len(FEATURES)), np.float32)
    features[0, RATE_COLUMN] = rate
    return finish(features, np.array([margin]), CONTEXT)


@given(st.floats(-30, 30))
def test_probability_is_that_of_the_log_odds(margin: float) -> None:
    outputs = finished(margin)
    assert outputs["log_odds"][0, 0] == pytest.approx(0.8 * margin - 0.5, abs=1e-5)
    assert outputs["probability"][0, 0] == pytest.approx(1 / (1 + np.exp(0.5 - 0.8 * margin)), abs=1e-6)
    assert outputs["excess"][0] == pytest.approx(outputs["probability"][0, 0] - thresholds(CONTEXT), abs=1e-6)


@pytest.mark.parametrize(("margin", "probability"), [(1e30, 1.0), (-1e30, 0.0)])
def test_extreme_margins_do_not_overflow(margin: float, probability: float) -> None:
    assert finished(margin)["probability"][0, 0] == probability


def test_all_outputs_are_fp32_and_the_rate_is_passed_on() -> None:
    outputs = finished(0.0, rate=0.42)
    assert {array.dtype for array in outputs.values()} == {np.dtype(np.float32)}
    assert outputs["vendor_rate"][0, 0] == np.float32(0.42)
