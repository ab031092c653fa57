from __future__ import annotations

import numpy as np
import pytest

from apps.fraud.schema import MAX_FEATURES, FraudAnswer, FraudQuestion
from apps.fraud.serve.decide import decide, risk_of
from tests.apps.fraud.tables import CONTEXT

QUESTION = FraudQuestion(features={"amount": 900.0, "items": 2.0})


def answer(*parts: float) -> FraudAnswer:
    contributions = np.zeros((1, MAX_FEATURES), np.float32)
    contributions[0, : len(parts)] = parts
    score = contributions.sum(axis=1, keepdims=True)
    margins = score - np.array([CONTEXT.medium, CONTEXT.high], np.float32)
    (only,) = decide([QUESTION], {"score": score, "margins": margins, "contributions": contributions}, CONTEXT)
    return only


@pytest.mark.parametrize(
    ("margins", "risk"),
    [((-1, -2), "LOW"), ((0, -2), "LOW"), ((0.1, -2), "MEDIUM"), ((2, 0), "MEDIUM"), ((3, 0.1), "HIGH")],
)
def test_a_level_begins_above_its_threshold(margins: tuple[float, float], risk: str) -> None:
    assert risk_of(margins) == risk


def test_the_largest_parts_are_the_reasons() -> None:
    found = answer(1.0, 0.25, 3.75)
    assert (found.risk, found.score) == ("HIGH", 5.0)
    assert [(one.feature, one.value, one.share) for one in found.reasons] == [
        ("items", 2.0, 0.75),
        ("amount", 900.0, 0.2),
    ]


def test_nothing_stands_out_of_a_record_of_low_risk() -> None:
    found = answer(1.0, 0.25, 0.5)
    assert (found.risk, found.reasons) == ("LOW", [])
    assert (found.medium, found.high) == (2.0, 4.0)


def test_a_score_of_zero_has_no_shares() -> None:
    assert answer().reasons == []
