"""Convert shipments to questions: one question per shipment on several days, with the history known on each.

A history includes a shipment only if it was due before the day of the question, and its delivery only if that was
recorded by then.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from apps.vendor.serve.columns import WINDOW, WINDOW_HERE
from apps.vendor.serve.features import NEVER, Orders
from apps.vendor.serve.histories import Cells, Histories, seen, stack

__all__ = ["NOTICES", "histories_of", "orders_of", "questions_of", "unpack"]

NOTICES = (1, 7, 30, 60)
"""Days before the scheduled day on which a question is asked about a shipment."""
Days = npt.NDArray[np.int64]

EPOCH = np.datetime64("1970-01-01")
UNIX_EPOCH = 719163
ORDERED = ("vendor", "country", "asked", "scheduled", "known_on", "ordered")
WORDS = ("mode", "fulfilment", "incoterm", "product_group", "product_class")
NUMBERS = ("quantity", "value", "pack_size", "weight", "first_line")


def questions_of(shipments: pd.DataFrame) -> pd.DataFrame:
    """Return the tidy table: each shipment at every notice before its delivery, with its packed history.

    `known_on` is the day after the scheduled day, when the outcome is known at the latest. The only trace of the
    shipment's own delivery is `late`. Rows are grouped by notice and keep the order of `shipments`.
    """
    packed: dict[int, dict[int, bytes]] = {notice: {} for notice in NOTICES}
    shipments = shipments.reset_index()
    label = str(shipments.columns[0])
    for _, one in shipments.groupby("vendor", sort=True):
        past = _Past(one)
        for notice in NOTICES:
            cells = (past.on(day - notice, country) for day, country in zip(past.due, past.countries, strict=True))
            packed[notice].update(zip(one.index.tolist(), (cell.tobytes() for cell in cells), strict=True))
    day = np.timedelta64(1, "D")
    tables = []
    for notice in NOTICES:
        table = shipments.assign(
            asked=shipments["scheduled"] - notice * day,
            known_on=shipments["scheduled"] + day,
            late=(shipments["delivered"] > shipments["scheduled"]).astype(float),
            history=pd.Series(packed[notice], dtype=object),
        )
        # Nobody asks about a delivered shipment; other lines of the same delivery would leak its outcome.
        still_open = table["recorded"] > table["asked"]
        kept = table.loc[still_open, [label, *ORDERED, *WORDS, *NUMBERS, "history", "late"]]
        tables.append(kept.set_index(label))
    tidy = pd.concat(tables)
    came = len(NOTICES) * len(shipments) - len(tidy)
    tidy.attrs["dropped"] = {**shipments.attrs.get("dropped", {}), "delivered before the question": came}
    tidy.attrs["unused"] = shipments.attrs.get("unused", [])
    return tidy


class _Past:
    """One vendor's shipments by scheduled day, and what was known of them on any day."""

    def __init__(self, shipments: pd.DataFrame) -> None:
        self.due = ordinals(shipments["scheduled"])
        self.delivered = ordinals(shipments["delivered"])
        self.recorded = ordinals(shipments["recorded"])
        self.countries = pd.factorize(shipments["country"])[0]
        self.of_country = [np.flatnonzero(self.countries == one) for one in range(self.countries.max() + 1)]

    def on(self, asked: int, country: int) -> Cells:
        """Return the result of `histories.seen` for all shipments, with those of the country as `here`."""
        own = self.of_country[country]
        rows = np.union1d(
            _tail(self.due, np.arange(len(self.due)), asked, WINDOW), _tail(self.due[own], own, asked, WINDOW_HERE)
        )
        later = np.arange(int(np.searchsorted(self.due, asked)), len(self.due))
        rows = np.concatenate([rows, later[self.recorded[later] <= asked]])
        delivered = np.where(self.recorded[rows] <= asked, self.delivered[rows], NEVER)
        return seen(asked, self.due[rows], delivered, self.countries[rows] == country)


def _tail(due: Days, rows: Days, asked: int, count: int) -> Days:
    """Return the last `count` of the `rows` `due` (ascending) before `asked`, and others of their first day."""
    end = int(np.searchsorted(due, asked))
    if end == 0:
        return rows[:0]
    return rows[int(np.searchsorted(due, due[max(0, end - count)])) : end]


def ordinals(days: pd.Series) -> Days:
    """Return proleptic Gregorian ordinals of days without missing values."""
    found: Days = days.to_numpy().astype("datetime64[D]").astype(np.int64) + UNIX_EPOCH
    return found


def unpack(history: bytes) -> Cells:
    """Return the cells of one packed history, [k, 4]."""
    return np.frombuffer(history, dtype=np.int16).reshape(-1, 4)


def histories_of(tidy: pd.DataFrame) -> Histories:
    """Return the histories of the rows of the tidy table."""
    return stack([unpack(history) for history in tidy["history"]])


def orders_of(tidy: pd.DataFrame) -> Orders:
    """Return the shipments in question of the tidy table's rows, as `features.compute` takes them."""
    ordered = np.where(
        tidy["ordered"].notna(), ordinals(tidy["ordered"].fillna(pd.Timestamp(EPOCH))).astype(float), np.nan
    )
    return Orders(
        ordinals(tidy["asked"]),
        ordinals(tidy["scheduled"]),
        {"ordered": ordered, **{name: tidy[name].to_numpy(dtype=np.float64) for name in NUMBERS}},
        {name: [word if isinstance(word, str) else None for word in tidy[name]] for name in WORDS},
    )
