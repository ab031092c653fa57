"""Histories look back only: what comes later, in the table or in time, changes nothing before it."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.vendor.serve.histories import AGE, DELAY, HERE, OPEN
from apps.vendor.train.data import shipments
from apps.vendor.train.history import NOTICES, histories_of, questions_of, unpack
from apps.vendor.train.model import table
from tests.apps.vendor.tables import plain

DAY = pd.Timedelta(days=1)


@cache
def known() -> pd.DataFrame:
    """All questions about the table as it is; treat as read-only."""
    return questions_of(shipments(plain()))


def asked_until(tidy: pd.DataFrame, day: pd.Timestamp) -> pd.DataFrame:
    return tidy[tidy["asked"] <= day]


def test_every_shipment_is_asked_about_at_every_notice() -> None:
    raw = plain()
    raw["recorded"] = raw["scheduled"] + 30 * DAY
    tidy = questions_of(shipments(raw))
    assert len(tidy) == len(raw) * len(NOTICES)
    assert set((tidy["scheduled"] - tidy["asked"]).dt.days) == set(NOTICES)
    assert (tidy["known_on"] == tidy["scheduled"] + DAY).all()


def test_the_target_is_a_delivery_after_the_scheduled_day() -> None:
    raw = plain()
    tidy = questions_of(shipments(raw))
    late = (raw["delivered"] > raw["scheduled"]).astype(float)
    assert (tidy["late"] == late.loc[tidy.index]).all()


def test_a_shipment_that_has_come_is_not_asked_about() -> None:
    raw = plain().assign(delivered=lambda table: table["scheduled"] - 20 * DAY, recorded=pd.NaT)
    tidy = questions_of(shipments(raw))
    assert set((tidy["scheduled"] - tidy["asked"]).dt.days) == {30, 60}
    assert tidy.attrs["dropped"]["delivered before the question"] == 2 * len(raw)


@given(st.integers(0, 400), st.integers(0, 2**32 - 1))
def test_changing_what_comes_later_never_changes_earlier_features(offset: int, seed: int) -> None:
    """Deliveries, records and shipments after a day are replaced at random; questions until that day stay."""
    raw = plain()
    day = pd.Timestamp("2020-01-01") + offset * DAY
    rng = np.random.default_rng(seed)
    changed = raw.copy()
    shift = pd.to_timedelta(rng.integers(1, 300, len(raw)), unit="D")
    # What was not yet recorded may still turn out to be anything that is after the day.
    unknown = (raw["recorded"] > day).to_numpy()
    changed.loc[unknown, "recorded"] = (day + shift)[unknown]
    free = unknown & (raw["delivered"] > day).to_numpy()
    changed.loc[free, "delivered"] = changed.loc[free, "recorded"]
    # Shipments due later may be of any vendor to any country: only those asked about by then stay.
    later = (raw["scheduled"] > day + max(NOTICES) * DAY).to_numpy()
    changed.loc[later, "vendor"] = rng.choice(["a", "b", "c"], int(later.sum()))
    changed.loc[later, "value"] = 1.0
    before, after = asked_until(known(), day), asked_until(questions_of(shipments(changed)), day)
    np.testing.assert_array_equal(table(before, 0.1)[0], table(after, 0.1)[0])


def test_a_shipment_is_not_in_its_own_history() -> None:
    counts = histories_of(questions_of(shipments(plain(1)))).count
    assert len(counts) > 0 and not counts.any()


def test_what_is_not_due_yet_is_known_only_when_it_came_early() -> None:
    for history in questions_of(shipments(plain()))["history"]:
        cells = unpack(history)
        due = cells[cells[:, AGE] > 0]
        early = cells[len(due) :]
        assert (np.diff(due[:, AGE]) >= 0).all()
        assert (early[:, AGE] <= 0).all() and (early[:, OPEN] == 0).all()
        assert (early[:, DELAY] <= early[:, AGE]).all()


def test_a_delivery_counts_from_the_day_it_is_recorded() -> None:
    first = {"vendor": "a", "country": "x", "quantity": 1, "value": 1.0}
    raw = pd.DataFrame(
        [
            {**first, "scheduled": "2020-01-10", "delivered": "2020-01-09", "recorded": "2020-01-20"},
            {**first, "scheduled": "2020-01-22", "delivered": "2020-01-22", "recorded": "2020-01-22"},
            {**first, "scheduled": "2020-01-27", "delivered": "2020-01-27", "recorded": "2020-01-27"},
        ]
    )
    tidy = questions_of(shipments(raw))
    week = tidy[tidy["asked"] == tidy["scheduled"] - 7 * DAY].sort_values("asked")
    open_one, known = unpack(week["history"].iloc[1]), unpack(week["history"].iloc[2])
    assert open_one[:, [AGE, DELAY, OPEN, HERE]].tolist() == [[5, 5, 1, 1]]
    assert known[:, [AGE, DELAY, OPEN, HERE]].tolist() == [[10, -1, 0, 1]]


@pytest.mark.parametrize("rows", [5, 60])
def test_the_order_of_the_table_does_not_matter(rows: int) -> None:
    raw = plain(rows)
    shuffled = raw.sample(frac=1, random_state=1)
    one, other = (questions_of(shipments(frame)).sort_index(kind="stable") for frame in (raw, shuffled))
    assert sorted(one["history"]) == sorted(other["history"])
