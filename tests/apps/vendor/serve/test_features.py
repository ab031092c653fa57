"""The features against a plain reading of what their names say; training and serving compute the same."""

from __future__ import annotations

import datetime
import math
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.vendor.schema import EXAMPLE, Delivery, VendorContext, VendorQuestion
from apps.vendor.serve.columns import FEATURES
from apps.vendor.serve.features import encode
from apps.vendor.train.golden import question_of
from apps.vendor.train.model import table
from serving.kernel.errors import Invalid
from tests.apps.vendor.tables import synthetic_split

CONTEXT = VendorContext(base_rate=0.2)
DAY = datetime.timedelta(days=1)
HISTORY = st.lists(
    st.tuples(st.integers(-300, 40), st.one_of(st.none(), st.integers(-30, 60)), st.sampled_from("xyz")),
    max_size=30,
)


def features(question: VendorQuestion) -> dict[str, float]:
    return dict(zip(FEATURES, encode([question], CONTEXT)["features"][0].tolist(), strict=True))


def asked(**changed: Any) -> VendorQuestion:
    return msgspec.structs.replace(EXAMPLE, **changed)


def delivery(day: int, delay: int | None = 0, country: str | None = "Zambia") -> Delivery:
    due = EXAMPLE.asked + day * DAY
    return Delivery(scheduled=due, delivered=None if delay is None else due + delay * DAY, country=country)


def history(days: list[tuple[int, int | None, str]]) -> tuple[Delivery, ...]:
    """What is known when asked: deliveries after that day are open."""
    known = [(day, None if delay is not None and day + delay > 0 else delay, where) for day, delay, where in days]
    return tuple(delivery(*one) for one in known)


def test_training_and_serving_compute_the_same_bits() -> None:
    part = synthetic_split()[1].test.iloc[::97]
    questions = [question_of(row) for _, row in part.iterrows()]
    assert encode(questions, CONTEXT)["features"].tobytes() == table(part, CONTEXT.base_rate)[0].tobytes()


@given(HISTORY)
def test_shares_and_counts_are_what_their_names_say(days: list[tuple[int, int | None, str]]) -> None:
    past = history(days)
    found = features(asked(history=past, country="x"))
    due = [one for one in past if one.scheduled < EXAMPLE.asked]
    late = [one.delivered is None or one.delivered > one.scheduled for one in due]
    share = (sum(late) + 10 * 0.2) / (len(due) + 10)
    assert found["late_share"] == pytest.approx(share, abs=1e-6)
    here = [is_late for one, is_late in zip(due, late, strict=True) if one.country == "x"]
    assert found["late_share_here"] == pytest.approx((sum(here) + 10 * share) / (len(here) + 10), abs=1e-6)
    assert found["overdue"] == sum(one.delivered is None for one in due)
    early = [one for one in past if one.scheduled >= EXAMPLE.asked and one.delivered is not None]
    assert found["ahead"] == len(early)
    assert found["ahead_here"] == sum(one.country == "x" for one in early)
    latest = max((one.scheduled for one in due if one.country == "x"), default=None)
    if latest is None:
        assert math.isnan(found["since_last_here"]) and math.isnan(found["mean_delay_here_10"])
    else:
        assert found["since_last_here"] == (EXAMPLE.asked - latest).days


@given(HISTORY, st.randoms(use_true_random=False))
def test_the_order_of_the_history_does_not_matter(days: list[tuple[int, int | None, str]], random: Any) -> None:
    past = list(history(days))
    before = features(asked(history=tuple(past)))
    random.shuffle(past)
    np.testing.assert_equal(features(asked(history=tuple(past))), before)


@given(st.lists(st.integers(0, 300), max_size=20))
def test_shipments_that_are_not_due_and_did_not_come_do_not_matter(days: list[int]) -> None:
    more = tuple(delivery(day, None) for day in days)
    np.testing.assert_equal(features(asked(history=EXAMPLE.history + more)), features(EXAMPLE))


def test_the_latest_ten_and_their_delays() -> None:
    past = tuple(delivery(-day, 2 if day <= 5 else -1, "elsewhere") for day in range(10, 400, 1))
    past += tuple(delivery(-day, 4 if day % 2 else -4) for day in range(5, 9))
    found = features(asked(history=past))
    usual = (2 + 10 * 0.2) / 210
    assert found["late_share"] == pytest.approx(usual)
    assert found["late_share_10"] == pytest.approx((2 + 10 * usual) / 20)
    assert found["mean_delay_here_10"] == 0.0
    assert found["mean_late_days_30"] == pytest.approx(8 / 30)


def test_the_order_is_read() -> None:
    found = features(EXAMPLE)
    assert found["notice"] == 30
    assert found["lead"] == 90
    assert found["quantity"] == pytest.approx(math.log1p(10000))
    assert found["unit_price"] == pytest.approx(math.log1p(89000 / 600000), rel=1e-5)
    assert [found[name] for name in ("by_ocean", "by_air", "term_fca", "term_exw", "group_arv", "from_stock")] == [
        1, 0, 1, 0, 1, 0
    ]  # fmt: skip


def test_what_is_not_given_is_nan() -> None:
    bare = VendorQuestion(
        vendor="a", country="b", asked=EXAMPLE.asked, scheduled=EXAMPLE.scheduled, quantity=1, value=0.0
    )
    found = features(bare)
    given = {name for name, value in found.items() if not math.isnan(value)}
    assert {"lead", "weight", "pack_size", "unit_price", "first_line", "by_air", "group_arv"} & given == set()
    assert found["late_share"] == found["late_share_here_10"] == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("changed", "path", "reason"),
    [
        ({"scheduled": EXAMPLE.asked - DAY}, "scheduled", "expected 0 to 365"),
        ({"scheduled": EXAMPLE.asked + 366 * DAY}, "scheduled", "366 days after"),
        ({"ordered": EXAMPLE.asked + DAY}, "ordered", "not known then"),
        ({"history": (delivery(-3), delivery(-2, 3))}, r"history\[1\].delivered", "after the day of the question"),
    ],
)
def test_looking_ahead_is_refused_with_its_path(changed: dict[str, Any], path: str, reason: str) -> None:
    with pytest.raises(Invalid, match=rf"^\[1\]\.{path}: .*{reason}"):
        encode([EXAMPLE, asked(**changed)], CONTEXT)


@pytest.mark.parametrize("notice", [0, 365])
def test_the_ends_of_the_range_are_allowed(notice: int) -> None:
    assert features(asked(scheduled=EXAMPLE.asked + notice * DAY))["notice"] == notice


def test_dates_at_the_ends_of_the_calendar_do_no_harm() -> None:
    ends = (Delivery(scheduled=datetime.date.min), Delivery(scheduled=datetime.date.max))
    assert all(math.isfinite(features(asked(history=ends))[name]) for name in ("late_share", "overdue", "ahead"))
