"""Convert questions to model features. Training and serving call the same pure function `compute`.

Sums over a history are sums of integers, so features of a row are independent of other rows.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from apps.vendor.schema import MOST_NOTICE, VendorContext, VendorQuestion
from apps.vendor.serve.columns import CLASSES, FEATURES, MODE_NAMES, RECENT, TERMS, WEIGHT, WINDOW, WINDOW_HERE
from apps.vendor.serve.histories import AGE, DELAY, HERE, MOST, OPEN, Cells, Histories, seen, stack
from serving.kernel.errors import Invalid
from serving.kernel.tensors import Arrays

__all__ = ["Orders", "compute", "encode"]

Floats = npt.NDArray[np.float64]

AT_ONCE = 1024
"""Rows computed together; limits the working set."""
NEVER = datetime.date.max.toordinal()
_RANKS = np.arange(MOST)


@dataclass(slots=True, eq=False)
class Orders:
    """Shipments in question; one row per question. Days are proleptic Gregorian ordinals."""

    asked: npt.NDArray[np.int64]
    scheduled: npt.NDArray[np.int64]
    numbers: dict[str, Floats]
    """`ordered` (a day), `quantity` (packs), `value` (USD), `pack_size` (units), `weight` (kg) and `first_line`
    (0 or 1), NaN if unknown."""
    words: dict[str, Sequence[str | None]]
    """`mode`, `fulfilment`, `incoterm`, `product_group` and `product_class`."""

    def rows(self, chosen: slice) -> Orders:
        """Select rows."""
        numbers = {name: values[chosen] for name, values in self.numbers.items()}
        words = {name: values[chosen] for name, values in self.words.items()}
        return Orders(self.asked[chosen], self.scheduled[chosen], numbers, words)


def encode(questions: Sequence[VendorQuestion], context: VendorContext) -> Arrays:
    """Convert questions to the model's input `features`, FP32 [n, F].

    Raises `Invalid` if a shipment was due before the day of the question or is due in more than a year, and if an
    order or a delivery is after the day of the question.
    """
    tables = [_history(row, question) for row, question in enumerate(questions)]
    return {"features": compute(_orders(questions), stack(tables), context.base_rate)}


def compute(orders: Orders, histories: Histories, base_rate: float) -> npt.NDArray[np.float32]:
    """Return the features of every row, FP32 [n, F], in `FEATURES` order; `base_rate` is the usual late share."""
    total = len(orders.asked)
    table = np.empty((total, len(FEATURES)), dtype=np.float32)
    for start in range(0, total, AT_ONCE):
        rows = slice(start, start + AT_ONCE)
        part = Histories(histories.cells[rows], histories.count[rows], histories.ahead[rows])
        columns = {**_past(part, base_rate), **_order(orders.rows(rows))}
        table[rows] = np.stack([columns[name] for name in FEATURES], axis=1)
    return table


def _past(histories: Histories, base_rate: float) -> dict[str, Floats]:
    """Return columns of the vendor's history, and of its shipments to the same country."""
    cells, count = histories.cells, np.minimum(histories.count, WINDOW)
    delay = cells[:, :, DELAY].astype(np.int64)
    age = cells[:, :, AGE].astype(np.float64)
    given = histories.count[:, None] > _RANKS
    known = given & (_RANKS < WINDOW)
    here = given & (cells[:, :, HERE] > 0)
    is_late, is_open = delay > 0, cells[:, :, OPEN] > 0
    late = known & is_late
    share = _smooth(late.sum(axis=1), count, base_rate)
    recent = {
        f"late_share_{span}": _smooth(late[:, :span].sum(axis=1), np.minimum(count, span), share)
        for span in RECENT
    }
    month = known[:, : RECENT[1]]
    here &= np.cumsum(here, axis=1) <= WINDOW_HERE
    count_here = here.sum(axis=1)
    share_here = _smooth((is_late & here).sum(axis=1), count_here, share)
    near = here & (np.cumsum(here, axis=1) <= RECENT[0])
    return {
        "late_share": share,
        **recent,
        "mean_delay_30": _mean(delay[:, : RECENT[1]], month),
        "mean_late_days_30": _mean(np.maximum(delay[:, : RECENT[1]], 0), month),
        "overdue": (is_open & known).sum(axis=1).astype(np.float64),
        "late_share_here": share_here,
        "late_share_here_10": _smooth((is_late & near).sum(axis=1), near.sum(axis=1), share_here),
        "mean_delay_here_10": _mean(delay, near),
        "overdue_here": (is_open & here).sum(axis=1).astype(np.float64),
        "ahead": histories.ahead[:, 0].astype(np.float64),
        "ahead_here": histories.ahead[:, 1].astype(np.float64),
        "since_last_here": np.where(count_here > 0, age[np.arange(len(count)), here.argmax(axis=1)], np.nan),
    }


def _smooth(late: npt.NDArray[Any], count: npt.NDArray[Any], usual: Floats | float) -> Floats:
    """Return the late share, smoothed towards the `usual` share with the weight of `WEIGHT` shipments."""
    smoothed: Floats = (late + WEIGHT * usual) / (count + WEIGHT)
    return smoothed


def _mean(days: npt.NDArray[np.int64], chosen: npt.NDArray[np.bool_]) -> Floats:
    """Return the mean of the chosen cells of every row; NaN if there are none."""
    count = chosen.sum(axis=1).astype(np.float64)
    mean: Floats = np.where(chosen, days, 0).sum(axis=1) / np.where(count > 0, count, np.nan)
    return mean


def _order(orders: Orders) -> dict[str, Floats]:
    """Return columns of the shipment in question."""
    numbers, words = orders.numbers, orders.words
    units = numbers["quantity"] * numbers["pack_size"]
    # An order that is not placed yet has no lead time.
    placed = numbers["ordered"] <= orders.asked
    return {
        "notice": (orders.scheduled - orders.asked).astype(np.float64),
        "lead": np.where(placed, orders.scheduled - numbers["ordered"], np.nan),
        **{name: np.log1p(numbers[name]) for name in ("quantity", "value", "pack_size", "weight")},
        "unit_price": np.log1p(numbers["value"] / units),
        "first_line": numbers["first_line"],
        "from_stock": _is(words["fulfilment"], "stock"),
        **_flags(words["mode"], MODE_NAMES),
        **_flags(words["incoterm"], TERMS, absent=0.0),
        "group_arv": _is(words["product_group"], "ARV"),
        **_flags(words["product_class"], CLASSES),
    }


def _is(words: Sequence[str | None], wanted: str, absent: float = np.nan) -> Floats:
    return np.array([absent if word is None else float(word == wanted) for word in words])


def _flags(words: Sequence[str | None], names: Mapping[str, str], absent: float = np.nan) -> dict[str, Floats]:
    """Return one column per value in `names`."""
    return {name: _is(words, word, absent) for word, name in names.items()}


def _history(row: int, question: VendorQuestion) -> Cells:
    """Return the question's history as known on its day. Raises `Invalid`."""
    asked = question.asked.toordinal()
    _check_days(row, question)
    past = question.history
    if not past:
        return np.empty((0, 4), dtype=np.int16)
    delivered = [NEVER if one.delivered is None else one.delivered.toordinal() for one in past]
    for index, day in enumerate(delivered):
        if asked < day < NEVER:
            raise Invalid(
                f"[{row}].history[{index}].delivered",
                f"{past[index].delivered} is after the day of the question, {question.asked}; "
                "remove data that was not known then",
            )
    scheduled = np.array([one.scheduled.toordinal() for one in past], dtype=np.int64)
    here = np.array([one.country == question.country for one in past])
    return seen(asked, scheduled, np.array(delivered, dtype=np.int64), here)


def _check_days(row: int, question: VendorQuestion) -> None:
    notice = (question.scheduled - question.asked).days
    if not 0 <= notice <= MOST_NOTICE:
        raise Invalid(
            f"[{row}].scheduled",
            f"{question.scheduled} is {notice} days after {question.asked}; expected 0 to {MOST_NOTICE}",
        )
    if question.ordered is not None and question.ordered > question.asked:
        raise Invalid(
            f"[{row}].ordered",
            f"{question.ordered} is after the day of the question, {question.asked}; "
            "remove data that was not known then",
        )


def _orders(questions: Sequence[VendorQuestion]) -> Orders:
    def numbers(name: str) -> Floats:
        found = [getattr(question, name) for question in questions]
        return np.array([np.nan if value is None else float(value) for value in found])

    names = ("quantity", "value", "pack_size", "weight", "first_line")
    ordered = [question.ordered for question in questions]
    days = np.array([np.nan if day is None else float(day.toordinal()) for day in ordered])
    kinds = ("mode", "fulfilment", "incoterm", "product_group", "product_class")
    return Orders(
        np.array([question.asked.toordinal() for question in questions], dtype=np.int64),
        np.array([question.scheduled.toordinal() for question in questions], dtype=np.int64),
        {"ordered": days, **{name: numbers(name) for name in names}},
        {kind: [getattr(question, kind) for question in questions] for kind in kinds},
    )
