from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.matching.schema import MatchContext, Place
from apps.matching.serve.features import FEATURES, compare, distance, encode
from apps.matching.serve.tokens import NAME_WORDS, OTHER_WORDS
from serving.kernel.errors import Invalid
from tests.apps.matching.pairs import offered, question, wanted

CONTEXT = MatchContext(threshold=0.5)
HUBLI, DAVANGERE = Place(latitude=15.36, longitude=75.12), Place(latitude=14.47, longitude=75.92)


def column(name: str, one: Any, other: Any) -> float:
    return float(compare([one], [other])["pairs"][0, FEATURES.index(name)])


def test_numbers_are_compared_where_both_sides_state_them() -> None:
    one = wanted(price=100.0, quantity=10.0, quality=0.5, place=HUBLI)
    other = offered(price=50.0, quantity=20.0, quality=0.75, place=DAVANGERE)
    assert column("price", one, other) == pytest.approx(-math.log(2))
    assert column("price_gap", one, other) == pytest.approx(math.log(2))
    assert column("quantity", one, other) == pytest.approx(math.log(2))
    assert column("quality", one, other) == pytest.approx(0.25)
    assert column("distance", one, other) == pytest.approx(math.log1p(131), abs=0.02)
    for name in ("price", "price_gap", "quantity", "quality", "distance"):
        assert math.isnan(column(name, wanted(), other))
        assert math.isnan(column(name, one, offered()))


def test_codes_and_words() -> None:
    one, other = wanted("canon pg-540xl ink 2 pack"), offered("ink canon PG540-XL 2 pcs")
    assert column("code_found", one, other) == len("pg540xl")
    assert column("code_prefix", one, offered("ink PG540 XL")) == pytest.approx(5 / 7)
    assert column("numbers_shared", one, offered("ink 2 x3")) == pytest.approx(1 / 3)
    assert column("first_word", one, other) == 0
    assert column("first_word", one, offered("Canon")) == 1
    assert math.isnan(column("code_found", wanted("ink"), other))


def test_shared_says_where_the_requirement_has_a_token() -> None:
    flat = compare([wanted("red pump", description="solar")], [offered("red solar", description="pump hose")])
    assert flat["shared"][0, NAME_WORDS][:3].tolist() == [2, 1, 0]
    assert flat["shared"][0, OTHER_WORDS][:3].tolist() == [1, 0, 0]


def test_rows_are_padded_to_the_longest_list() -> None:
    few, many = question(offered()), question(offered("a"), offered("b", "2"), offered("c", "3"))
    arrays = encode([few, many], CONTEXT)
    assert arrays["pairs"].shape == (2, 3, len(FEATURES))
    alone = encode([few], CONTEXT)
    for name in ("pairs", "availability", "shared"):
        assert not arrays[name][0, 1:].any()
        np.testing.assert_array_equal(arrays[name][0, :1], alone[name][0])


@given(st.lists(st.text(min_size=1, max_size=40), min_size=1, max_size=5, unique=True), st.randoms())
def test_an_availability_is_compared_alike_wherever_it_stands(names: list[str], random: Any) -> None:
    lots = [offered(name, str(place)) for place, name in enumerate(names)]
    order = random.sample(range(len(lots)), len(lots))
    one = encode([question(*lots)], CONTEXT)
    other = encode([question(*(lots[place] for place in order))], CONTEXT)
    for name in ("pairs", "availability", "shared"):
        np.testing.assert_array_equal(one[name][:, order], other[name])


def test_an_id_that_is_there_twice_is_refused_with_its_place() -> None:
    with pytest.raises(Invalid) as error:
        encode([question(), question(offered(), offered(identity="B"), offered("x", "B"))], CONTEXT)
    assert error.value.field == "[1].availabilities[2].id"
    assert "availabilities[1]" in error.value.reason


def test_distance_is_that_on_the_sphere() -> None:
    assert distance(HUBLI, HUBLI) == 0
    assert distance(HUBLI, DAVANGERE) == pytest.approx(131, abs=2)
    poles = Place(latitude=90, longitude=0), Place(latitude=-90, longitude=7)
    assert distance(*poles) == pytest.approx(20015, abs=1)
