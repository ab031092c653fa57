from __future__ import annotations

import math

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.price.schema import PriceQuestion
from apps.price.serve.decide import OUTPUTS, decide, last_of
from serving.kernel.tensors import Arrays
from tests.apps.price.windows import CONTEXT, question, questions

ratios = st.floats(-3, 3, width=32)


def outputs(*rows: tuple[float, float, float]) -> Arrays:
    table = np.array(rows, dtype=np.float32)
    return {name: table[:, column : column + 1] for column, name in enumerate(OUTPUTS)}


@given(questions(), ratios, ratios, ratios)
@settings(deadline=None)
def test_the_price_lies_in_its_interval(asked: PriceQuestion, point: float, low: float, high: float) -> None:
    answer = decide([asked], outputs((point, low, high)), CONTEXT)[0]
    assert 0 <= answer.low <= answer.price <= answer.high
    assert answer.price == pytest.approx(answer.last_price * math.exp(point), abs=0.006)


def test_money_is_rounded_to_paise() -> None:
    answer = decide([question([1000.0])], outputs((math.log(1.2345678), 0.0, 1.0)), CONTEXT)[0]
    assert answer.price == 1234.57
    assert answer.unit == "INR/quintal"
    assert answer.coverage == 0.9


@given(questions(), st.randoms(use_true_random=False))
@settings(deadline=None)
def test_the_last_day_is_found_in_any_order(asked: PriceQuestion, random: object) -> None:
    shuffled = list(asked.history)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert last_of(msgspec.structs.replace(asked, history=tuple(shuffled))) == asked.history[-1]


def test_answers_stand_in_the_order_of_the_questions() -> None:
    asked = [question([100.0], horizon=1), question([200.0], horizon=2, market="Belavadi")]
    answers = decide(asked, outputs((0, 0, 0), (0, 0, 0)), CONTEXT)
    assert [(one.price, one.horizon, one.market) for one in answers] == [
        (100.0, 1, "Anandpur"),
        (200.0, 2, "Belavadi"),
    ]


@pytest.mark.parametrize("wild", [1e30, -1e30])
def test_a_wild_score_still_makes_a_number(wild: float) -> None:
    answer = decide([question([1000.0])], outputs((wild, wild, wild)), CONTEXT)[0]
    assert math.isfinite(answer.price)


@pytest.mark.parametrize(
    ("market", "known"),
    [("Anandpur", True), ("Belavadi", True), ("anandpur", False), ("A", False), ("Zira", False)],
)
def test_an_answer_says_whether_its_market_is_one_of_the_training_data(market: str, known: bool) -> None:
    context = msgspec.structs.replace(CONTEXT, markets=("Anandpur", "Belavadi"))
    answer = decide([question([100.0], market=market)], outputs((0, 0, 0)), context)[0]
    assert answer.market_known is known
    assert msgspec.json.decode(msgspec.json.encode(answer))["market_known"] is known


def test_a_version_that_does_not_know_its_markets_answers_as_before() -> None:
    """Its golden rows have no such field, and they are replayed when it is loaded."""
    answer = decide([question([100.0])], outputs((0, 0, 0)), CONTEXT)[0]
    assert "market_known" not in msgspec.json.decode(msgspec.json.encode(answer))
