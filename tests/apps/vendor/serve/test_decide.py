from __future__ import annotations

import numpy as np
import pytest

from apps.vendor.schema import EXAMPLE, VendorContext
from apps.vendor.serve.decide import decide

CONTEXT = VendorContext(base_rate=0.123456, elevated=0.2, high=0.4)


@pytest.mark.parametrize(
    ("probability", "risk"), [(0.1, "low"), (0.2, "low"), (0.3, "elevated"), (0.4, "elevated"), (0.9, "high")]
)
def test_the_risk_is_by_the_thresholds(probability: float, risk: str) -> None:
    outputs = {
        "log_odds": np.zeros((1, 1), np.float32),
        "probability": np.array([[probability]]),
        "excess": np.array([[probability - 0.2, probability - 0.4]]),
        "vendor_rate": np.array([[0.25]], np.float32),
    }
    (answer,) = decide([EXAMPLE], outputs, CONTEXT)
    assert answer.risk == risk
    assert (answer.probability, answer.base_rate, answer.vendor_rate) == (probability, 0.1235, 0.25)
    assert (answer.vendor, answer.scheduled) == (EXAMPLE.vendor, EXAMPLE.scheduled)
