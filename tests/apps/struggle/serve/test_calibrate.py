from __future__ import annotations

import numpy as np
import pytest

from apps.struggle.schema import StruggleContext
from apps.struggle.serve.calibrate import finish, place_of
from apps.struggle.serve.columns import DAY_COLUMN, FEATURES

CONTEXT = StruggleContext(slopes=(1, 2, 3, 4), shifts=(0, 0.5, 0, 0), thresholds=(0.2, 0.3, 0.4, 0.5))


def on(*days: float) -> np.ndarray:
    rows = np.zeros((len(days), len(FEATURES)), np.float32)
    rows[:, DAY_COLUMN] = days
    return rows


def test_each_day_takes_the_nearest_row() -> None:
    assert place_of(on(1, 30, 45, 46, 90, 91, 150, 151, 240, np.nan)).tolist() == [0, 0, 0, 1, 1, 2, 2, 3, 3, 0]


def test_outputs_are_calibrated_by_day() -> None:
    found = finish(on(30, 60, 180), np.array([1.0, 1.0, -1.0]), CONTEXT)
    assert found["log_odds"][:, 0].tolist() == [1.0, 2.5, -4.0]
    assert found["probability"][1, 0] == pytest.approx(1 / (1 + np.exp(-2.5)))
    np.testing.assert_allclose(found["threshold"][:, 0], [0.2, 0.3, 0.5], rtol=1e-6)


def test_log_odds_far_from_zero_do_not_overflow() -> None:
    found = finish(on(30, 180, 180), np.array([-3e38, -200, 200], np.float32), CONTEXT)
    np.testing.assert_array_equal(found["probability"][:, 0], np.array([0, 0, 1], np.float32))
