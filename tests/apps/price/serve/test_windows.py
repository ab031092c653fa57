from __future__ import annotations

import datetime
from dataclasses import fields

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.price.schema import Indicators, Location, Observation, PriceContext, PriceQuestion, Quality, Supplier
from apps.price.serve.columns import FEATURES, OPTIONAL, WINDOW
from apps.price.serve.features import encode
from apps.price.serve.windows import ARRIVALS, BEYOND, DAYS, PRICES, REFERENCES, Windows, fill, one_form
from serving.kernel.errors import Invalid
from tests.apps.price.windows import CONTEXT, full_windows, question, questions


def shuffled(asked: PriceQuestion, random: object) -> PriceQuestion:
    history = list(asked.history)
    random.shuffle(history)  # type: ignore[attr-defined]
    return msgspec.structs.replace(asked, history=tuple(history))


def same(one: Windows, other: Windows) -> None:
    for field in fields(Windows):
        np.testing.assert_array_equal(getattr(one, field.name), getattr(other, field.name))


@given(st.lists(questions(), min_size=1, max_size=4))
@settings(max_examples=50, deadline=None)
def test_a_window_holds_the_latest_days_latest_first(asked: list[PriceQuestion]) -> None:
    series = fill(asked, CONTEXT).series
    assert series.shape == (4, len(asked), WINDOW + 1)
    for row, one in enumerate(asked):
        latest = one.history[::-1][:WINDOW]
        known = len(latest)
        assert series[DAYS, row, :known].tolist() == [seen.date.toordinal() for seen in latest]
        assert series[PRICES, row, :known].tolist() == [seen.price for seen in latest]
        for slot, name in ((ARRIVALS, "arrival"), (REFERENCES, "reference")):
            given_values = [getattr(seen, name) for seen in latest]
            assert [None if value != value else value for value in series[slot, row, :known]] == given_values
        assert np.isnan(series[:, row, known:]).all()
    assert np.isnan(series[:, :, BEYOND]).all()


@given(st.lists(questions(most=200), min_size=1, max_size=4), st.randoms(use_true_random=False))
@settings(max_examples=50, deadline=None)
def test_histories_in_any_order_give_the_same_windows(asked: list[PriceQuestion], random: object) -> None:
    windows = fill(asked, CONTEXT)
    same(fill([shuffled(one, random) for one in asked], CONTEXT), windows)
    same(fill([msgspec.structs.replace(one, history=one.history[::-1]) for one in asked], CONTEXT), windows)


def test_days_before_the_window_may_be_out_of_order_too() -> None:
    asked = question([float(price) for price in range(1, 121)])
    first, second, *rest = asked.history
    same(fill([msgspec.structs.replace(asked, history=(second, first, *rest))], CONTEXT), fill([asked], CONTEXT))


def test_rows_takes_the_same_rows_of_every_array() -> None:
    windows = full_windows(5)
    some = windows.rows(np.array([3, 1]))
    np.testing.assert_array_equal(some.series, windows.series[:, [3, 1]])
    for name in ("horizon", "crop", "optional"):
        np.testing.assert_array_equal(getattr(some, name), getattr(windows, name)[[3, 1]])


def test_optional_groups_fill_their_columns_only_where_the_version_declares_them() -> None:
    asked = question(
        [1000.0] * 5,
        quality=Quality(staple_length=28.5, colour=70.0),
        location=Location(port_distance=410.0, state="Karnataka"),
        supplier=Supplier(trades=41),
        indicators=Indicators(crude=64.2),
    )
    place = {name: at for at, name in enumerate(name for names in OPTIONAL.values() for name in names)}
    row = fill([asked], CONTEXT).optional[0]
    known = {name: row[at] for name, at in place.items() if not np.isnan(row[at])}
    assert known == {
        "staple_length": 28.5,
        "colour": 70.0,
        "port_distance": 410.0,
        "state": 15.0,
        "trades": 41.0,
        "crude": 64.2,
    }
    some = fill([asked], PriceContext(commodities=("onion",), groups=("supplier", "location"))).optional[0]
    assert {name for name, at in place.items() if not np.isnan(some[at])} == {"port_distance", "state", "trades"}
    bare = PriceContext(commodities=("onion",))
    hidden = [*place, *(name for name in FEATURES if name.startswith(("reference", "premium")))]
    assert np.isnan(encode([asked], bare)["features"][0, [FEATURES.index(name) for name in hidden]]).all()


def test_a_commodity_the_version_does_not_serve_is_refused_with_those_it_does() -> None:
    with pytest.raises(Invalid) as raised:
        fill([question([1000.0]), question([1000.0], commodity="saffron")], CONTEXT)
    assert raised.value.field == "[1].commodity"
    assert "onion, tomato" in raised.value.message


@pytest.mark.parametrize("order", [(0, 1, 2, 1), (1, 2, 0, 1), (1, 1, 0, 2), (0, 1, 1, 2)])
@pytest.mark.parametrize("later", [0, 100])
def test_a_date_given_twice_is_refused_by_its_path(order: tuple[int, ...], later: int) -> None:
    """Within the window and, `later` days on, before it."""
    first = datetime.date(2019, 1, 1)
    days = [first + datetime.timedelta(days=number) for number in (*order, *range(3, 3 + later))]
    history = tuple(Observation(date=day, price=100.0) for day in days)
    with pytest.raises(Invalid) as raised:
        fill([question([1.0]), question([1.0], history=history)], CONTEXT)
    second = [index for index, number in enumerate(order) if number == 1][1]
    assert raised.value.field == f"[1].history[{second}].date"
    assert "2019-01-02" in raised.value.message


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_date_before_1990_is_refused_by_its_path(place: int) -> None:
    history = [Observation(date=datetime.date(2019, 1, day), price=100.0) for day in (1, 2)]
    history.insert(place, Observation(date=datetime.date(1989, 12, 31), price=100.0))
    with pytest.raises(Invalid, match="1989-12-31 is before 1990-01-01") as raised:
        fill([question([1.0], history=tuple(history))], CONTEXT)
    assert raised.value.field == f"[0].history[{place}].date"


def test_zeros_and_missing_values_have_one_form() -> None:
    features = np.array([[-0.0, 0.0, 1.5, -np.nan, np.nan]], np.float32)
    assert one_form(features).tobytes() == np.array([[0.0, 0.0, 1.5, np.nan, np.nan]], np.float32).tobytes()
