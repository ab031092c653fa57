"""Questions and feature rows from the test period, for golden rows and the parity check."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from apps.price.schema import Indicators, Location, Observation, PriceQuestion, Quality, Supplier
from apps.price.serve.columns import OPTIONAL
from training.data.split_edge_rows import split_edge_rows

__all__ = ["golden", "parity_rows", "question_at"]

Floats = npt.NDArray[np.float32]

GOLDEN_ROWS = 32
HORIZONS = (1, 7, 3, 30, 2, 14, 5, 21)
LENGTHS = (120, 90, 45, 10, 1)
HELD_OUT_ROWS = 2000
BOUNDARIES = 600
EXTREMES = (0.0, -0.0, 1e30, -1e30, 1e-40, -1e-40, 1.0, -1.0)
TYPES: dict[str, type[Any]] = {
    "quality": Quality,
    "location": Location,
    "supplier": Supplier,
    "indicators": Indicators,
}


def golden(frame: pd.DataFrame, since: pd.Timestamp) -> list[PriceQuestion]:
    """Return questions spread over the test period, with mixed horizons, history lengths and missing fields."""
    late = np.flatnonzero((frame["date"] >= since).to_numpy())
    picked = late[np.linspace(0, len(late) - 1, GOLDEN_ROWS).astype(int)]
    return [
        question_at(
            frame,
            int(row),
            horizon=HORIZONS[number % len(HORIZONS)],
            length=LENGTHS[number % len(LENGTHS)],
            arrivals=number % 7 != 3,
            reference=number % 6 != 2,
        )
        for number, row in enumerate(picked)
    ]


def question_at(
    frame: pd.DataFrame, row: int, horizon: int, length: int, arrivals: bool = True, reference: bool = True
) -> PriceQuestion:
    """Return the question of a market on the day of `row` (by position) of a tidy table, with history up to it."""
    last = frame.iloc[row]
    same = (frame["commodity"] == last["commodity"]) & (frame["market"] == last["market"])
    history = frame[same & (frame["date"] <= last["date"])].tail(length)
    groups = {name: _group(name, last) for name in OPTIONAL}
    return PriceQuestion(
        commodity=last["commodity"],
        market=last["market"],
        horizon=horizon,
        history=tuple(
            Observation(
                date=day.date.date(),
                price=float(day.price),
                arrival=_known(day.arrival) if arrivals else None,
                reference=_known(day.reference) if reference else None,
            )
            for day in history.itertuples()
        ),
        **groups,
    )


def _group(name: str, row: pd.Series[Any]) -> Any:
    given = {field: _known(row[field]) for field in OPTIONAL[name] if field in row.index}
    if all(value is None for value in given.values()):
        return None
    if given.get("trades") is not None:
        given["trades"] = int(given["trades"])
    return TYPES[name](**given)


def _known(value: Any) -> Any:
    if value is None or pd.isna(value):
        return None
    return value if isinstance(value, str) else float(value)


def parity_rows(held_out: Floats, splits: Mapping[int, Floats]) -> Floats:
    """Return held-out rows, copies with one feature at, just above and just below a split value, then extremes.

    `splits` are the booster's split values by column. The last rows hold one extreme value in one column or in all
    columns, and NaN in all columns.
    """
    rng = np.random.default_rng(7)
    chosen = held_out[np.sort(rng.permutation(len(held_out))[:HELD_OUT_ROWS])]
    boundary = split_edge_rows(chosen, splits, BOUNDARIES, rng)
    width = held_out.shape[1]
    flat = np.repeat(np.array([*EXTREMES, np.nan], dtype=np.float32)[:, None], width, axis=1)
    single = np.repeat(chosen[:1], width * 3, axis=0)
    single[np.arange(width * 3), np.tile(np.arange(width), 3)] = np.repeat(
        np.array([1e30, -1e30, np.nan], dtype=np.float32), width
    )
    return np.concatenate([chosen, *boundary, single, flat])
