from __future__ import annotations

import numpy as np
import pytest

from apps.matching.schema import MatchAnswer, MatchContext, MatchQuestion, Place
from apps.matching.serve.decide import broken_rule, decide
from tests.apps.matching.pairs import offered, question, wanted

CONTEXT = MatchContext(threshold=0.4)


def answer(asked: MatchQuestion, *scores: float) -> MatchAnswer:
    row = np.zeros((1, 8), dtype=np.float32)
    row[0, : len(scores)] = scores
    return decide([asked], {"score": row}, CONTEXT)[0]


def test_best_first_with_ties_in_the_order_given_and_at_most_top() -> None:
    lots = [offered(identity=name) for name in "ABCD"]
    found = answer(question(*lots, top=3), 0.2, 0.7, 0.2, 0.9)
    assert [match.id for match in found.matches] == ["D", "B", "A"]
    assert [match.accepted for match in found.matches] == [True, True, False]
    assert found.score == pytest.approx(0.9)
    assert found.threshold == 0.4


def test_what_lies_beyond_a_list_is_never_answered() -> None:
    found = answer(question(offered()), 0.1, 0.99, 0.99)
    assert [match.id for match in found.matches] == ["A1"]


def test_a_score_that_is_not_a_number_comes_last() -> None:
    found = answer(question(offered(identity="A"), offered(identity="B")), float("nan"), 0.1)
    assert [match.id for match in found.matches] == ["B", "A"]


def test_rules_leave_out_whatever_the_score() -> None:
    requirement = wanted(commodity="Rice", unit="kg")
    lots = (
        offered(identity="same", commodity="rice", unit="kg"),
        offered(identity="commodity", commodity="onion", unit="kg"),
        offered(identity="unit", commodity="rice", unit="tonne"),
        offered(identity="silent"),
    )
    found = answer(question(*lots, requirement=requirement), 0.1, 0.9, 0.9, 0.2)
    assert [match.id for match in found.matches] == ["silent", "same"]
    assert [(one.id, one.rule) for one in found.rejected] == [("commodity", "commodity"), ("unit", "unit")]
    assert broken_rule(wanted(), offered(commodity="rice", unit="kg")) is None


def test_nothing_is_left() -> None:
    found = answer(question(offered(unit="kg"), requirement=wanted(unit="litre")), 0.9)
    assert found.matches == ()
    assert found.score == 0


def test_reasons() -> None:
    requirement = wanted(quantity=40.0, price=100.0, quality=0.7, place=Place(latitude=15.36, longitude=75.12))
    there = Place(latitude=14.47, longitude=75.92)
    near = offered(identity="near", quantity=50.0, price=110.0, quality=0.8, place=there)
    poor = offered(identity="poor", quantity=15.0, price=100.0, quality=0.6)
    good, bad = answer(question(near, poor, requirement=requirement), 0.9, 0.1).matches
    assert good.quantity == "50 offered, enough for 40"
    assert good.price == "110, 10.0% above 100"
    assert good.quality == "0.8 meets 0.7"
    assert good.place == "131 km away"
    assert bad.quantity == "15 offered, 25 short of 40"
    assert bad.price == "100, the price in mind"
    assert bad.quality == "0.6 is below 0.7"
    assert bad.place is None
