from __future__ import annotations

import numpy as np
import pytest

from apps.matching.app import app
from apps.matching.schema import MatchContext, MatchQuestion
from apps.matching.serve.collection import collection, keys
from apps.matching.serve.decide import broken_rule
from apps.matching.serve.features import encode
from serving.kernel.errors import Invalid
from tests.apps.matching.pairs import offered, question, wanted

SIDES = [(None, None), ("Rice", "kg"), ("rICE", "tonne"), ("onion", "kg"), ("Straße", None), ("STRASSE", "kg")]


def test_the_store_s_rules_are_those_of_decide() -> None:
    """Where a key is None the store takes it as agreeing with everything."""
    for commodity, unit in SIDES:
        for other, measure in SIDES:
            one, lot = wanted(commodity=commodity, unit=unit), offered(commodity=other, unit=measure)
            agree = all(a is None or b is None or a == b for a, b in zip(keys(one), keys(lot), strict=True))
            assert agree == (broken_rule(one, lot) is None)


def test_a_requirement_alone_is_short() -> None:
    short = MatchQuestion(requirement=wanted())
    assert collection.is_short(short)
    assert not collection.is_short(question())
    lots = [offered(), offered("toner", "B")]
    assert collection.complete(short, lots) == question(*lots)


def test_a_side_is_encoded_from_its_own_text_whatever_side_it_is() -> None:
    one = collection.of_records([offered("red pump", maker="kaveri", price=5.0)])
    other = collection.of_questions([MatchQuestion(requirement=wanted("red pump", maker="kaveri"))])
    np.testing.assert_array_equal(one["tokens"], other["tokens"])


def test_without_a_store_the_features_say_what_is_missing() -> None:
    with pytest.raises(Invalid) as error:
        encode([question(), MatchQuestion(requirement=wanted())], MatchContext(threshold=0.5))
    assert error.value.field == "[1].availabilities"
    assert "SLIPWAY_COLLECTIONS_URL" in error.value.reason


def test_nothing_found_is_answered_beside_others() -> None:
    empty = collection.complete(MatchQuestion(requirement=wanted("pump")), [])
    arrays = encode([empty, question()], MatchContext(threshold=0.5))
    alone = encode([empty], MatchContext(threshold=0.5))
    assert alone["pairs"].shape[:2] == (1, 1)
    np.testing.assert_array_equal(arrays["requirement"][:1], alone["requirement"])
    outputs = {"score": np.full((2, 1), 0.9, np.float32)}
    answers = app.decide([empty, question()], outputs, MatchContext(threshold=0.5))
    assert (answers[0].matches, answers[0].score) == ((), 0.0)
    assert len(answers[1].matches) == 1
