from __future__ import annotations

import numpy as np
import pytest

from apps.struggle.schema import EXAMPLE
from apps.struggle.serve.decide import OUTPUTS, decide
from tests.apps.struggle.students import CONTEXT


@pytest.mark.parametrize(
    ("probability", "struggles", "risk", "confidence"),
    [(0.41, True, "high", 0.41), (0.4, True, "high", 0.4), (0.3, False, "medium", 0.7), (0.1, False, "low", 0.9)],
)
def test_the_threshold_decides(probability: float, struggles: bool, risk: str, confidence: float) -> None:
    values = dict(zip(OUTPUTS, (0.0, probability, 0.4), strict=True))
    (found,) = decide([EXAMPLE], {name: np.array([[value]]) for name, value in values.items()}, CONTEXT)
    assert (found.struggles, found.risk, found.confidence) == (struggles, risk, confidence)
    assert (found.student, found.objective, found.day) == ("11391", "AAA-2013J", 120)
    assert not found.fallback and found.reasons
