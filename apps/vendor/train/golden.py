"""Questions and feature rows from the test part, for golden rows and the parity check."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pandas as pd

from apps.vendor.schema import Delivery, VendorQuestion
from apps.vendor.serve.histories import AGE, DELAY, HERE, OPEN
from apps.vendor.train.history import unpack

__all__ = ["golden", "parity_rows", "question_of"]

Floats = npt.NDArray[np.float32]

GOLDEN_ROWS = 32
HELD_OUT_ROWS = 2000
BOUNDARIES = 600
EXTREMES = (0.0, -0.0, 1e30, -1e30, 1e-40, -1e-40, 1.0, -1.0, np.nan)
FIELDS = ("mode", "fulfilment", "incoterm", "product_group", "product_class")
NUMBERS: dict[str, type[Any]] = {
    "quantity": int,
    "value": float,
    "pack_size": int,
    "weight": float,
    "first_line": bool,
}
OPTIONAL = ("ordered", "mode", "incoterm", "product_group", "product_class", "pack_size", "weight", "first_line")


def golden(test: pd.DataFrame) -> list[VendorQuestion]:
    """Return questions spread over the test part; some have a short or empty history or lack optional fields."""
    picked = np.linspace(0, len(test) - 1, GOLDEN_ROWS).astype(int)
    questions = [question_of(test.iloc[int(row)]) for row in picked]
    for number, question in enumerate(questions):
        if number % 5 == 3:
            history = question.history[: (0, 1, 12)[number % 3]]
            questions[number] = msgspec.structs.replace(question, history=history)
        if number % 8 == 5:
            questions[number] = msgspec.structs.replace(questions[number], **dict.fromkeys(OPTIONAL))
    return questions


def question_of(row: pd.Series[Any]) -> VendorQuestion:
    """Return a row of the tidy table as a question.

    Shipments to other countries have no country. An order placed after the day of the question is left out.
    """
    asked = row["asked"].date()
    ordered = None if pd.isna(row["ordered"]) or row["ordered"] > row["asked"] else row["ordered"].date()
    days = [asked - pd.Timedelta(days=int(age)).to_pytimedelta() for age in unpack(row["history"])[:, AGE]]
    history = tuple(
        Delivery(
            scheduled=day,
            delivered=None if cell[OPEN] else day + pd.Timedelta(days=int(cell[DELAY])).to_pytimedelta(),
            country=row["country"] if cell[HERE] else None,
        )
        for day, cell in zip(days, unpack(row["history"]), strict=True)
    )
    return VendorQuestion(
        vendor=row["vendor"],
        country=row["country"],
        asked=asked,
        scheduled=row["scheduled"].date(),
        ordered=ordered,
        history=history,
        **{name: _known(row[name]) for name in FIELDS},
        **{name: _known(row[name], kind) for name, kind in NUMBERS.items()},
    )


def _known(value: Any, kind: type[Any] = str) -> Any:
    return None if value is None or pd.isna(value) else kind(value)


def parity_rows(held_out: Floats, splits: Mapping[int, Floats]) -> Floats:
    """Return held-out rows, copies with one feature at, just above and just below a split value, then extremes.

    `splits` are the booster's split values by column. The last rows hold one extreme value, including NaN, in one
    column or in all columns.
    """
    rng = np.random.default_rng(7)
    chosen = held_out[np.sort(rng.permutation(len(held_out))[:HELD_OUT_ROWS])]
    pairs = [(column, value) for column, values in splits.items() for value in values]
    rng.shuffle(pairs)
    at = np.array([pair[1] for pair in pairs[:BOUNDARIES]], dtype=np.float32)
    columns = np.array([pair[0] for pair in pairs[:BOUNDARIES]], dtype=np.intp)
    boundary = []
    for values in (at, np.nextafter(at, np.float32(np.inf)), np.nextafter(at, np.float32(-np.inf))):
        rows = chosen[rng.integers(0, len(chosen), len(values))].copy()
        rows[np.arange(len(values)), columns] = values
        boundary.append(rows)
    width = held_out.shape[1]
    extremes = np.array(EXTREMES, dtype=np.float32)
    single = np.repeat(chosen[:1], width * len(extremes), axis=0)
    single[np.arange(len(single)), np.tile(np.arange(width), len(extremes))] = np.repeat(extremes, width)
    flat = np.repeat(extremes[:, None], width, axis=1)
    return np.concatenate([chosen, *boundary, single, flat])
