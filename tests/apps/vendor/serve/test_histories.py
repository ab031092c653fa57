from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from apps.vendor.serve.columns import WINDOW, WINDOW_HERE
from apps.vendor.serve.features import NEVER
from apps.vendor.serve.histories import AGE, DELAY, FAR, HERE, MOST, OPEN, seen, stack

ASKED = 737_000
PAST = st.lists(
    st.tuples(st.integers(-400, 60), st.one_of(st.none(), st.integers(-40, 90)), st.booleans()), max_size=40
)


def looked_at(past: list[tuple[int, int | None, bool]], asked: int = ASKED) -> np.ndarray:
    scheduled = np.array([ASKED + day for day, _, _ in past], dtype=np.int64)
    delays = [None if delay is None else ASKED + day + delay for day, delay, _ in past]
    delivered = np.array([NEVER if day is None else day for day in delays], dtype=np.int64)
    return seen(asked, scheduled, delivered, np.array([here for _, _, here in past], dtype=bool))


def test_delivered_open_and_not_yet_due() -> None:
    found = looked_at(
        [(-10, 3, True), (-4, None, False), (-4, 9, False), (5, None, True), (6, -8, True), (0, 1, True)]
    )
    assert found[:, [AGE, DELAY, OPEN, HERE]].tolist() == [
        [4, 4, 1, 0],
        [4, 4, 1, 0],
        [10, 3, 0, 1],
        [-6, -8, 0, 1],
    ]


@given(PAST, st.randoms(use_true_random=False))
def test_the_order_does_not_matter(past: list[tuple[int, int | None, bool]], random: object) -> None:
    shuffled = list(past)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert looked_at(past).tobytes() == looked_at(shuffled).tobytes()


@given(PAST)
def test_deliveries_after_the_question_do_not_matter(past: list[tuple[int, int | None, bool]]) -> None:
    hidden = [(day, None if delay is not None and day + delay > 0 else delay, here) for day, delay, here in past]
    assert looked_at(past).tobytes() == looked_at(hidden).tobytes()


def test_older_shipments_to_the_same_country_are_kept_beyond_the_window() -> None:
    past = [(-day, 0, day % 10 == 0) for day in range(1, 3001)]
    found = looked_at(past)
    assert len(found) == WINDOW + WINDOW_HERE - WINDOW // 10
    assert found[:WINDOW, AGE].tolist() == list(range(1, WINDOW + 1))
    assert found[:, HERE].sum() == WINDOW_HERE
    assert found[WINDOW:, HERE].all()


def test_a_stack_has_one_row_per_table() -> None:
    tables = [
        looked_at([]),
        looked_at([(-day, 0, True) for day in range(1, 500)] + [(3, -4, True), (3, -4, False)]),
    ]
    found = stack(tables)
    assert found.cells.shape == (2, MOST, 4)
    assert found.count.tolist() == [0, WINDOW]
    assert found.ahead.tolist() == [[0, 0], [2, 1]]


def test_days_far_away_stay_within_their_type() -> None:
    scheduled = np.array([1, ASKED - 1], dtype=np.int64)
    found = seen(ASKED, scheduled, np.array([ASKED, 1], dtype=np.int64), np.array([True, True]))
    assert found[:, [AGE, DELAY]].tolist() == [[1, -FAR], [FAR, FAR]]
