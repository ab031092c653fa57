"""Market tables: conversion of known layouts to one tidy table, its schema, the reference price and the split."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pandera.pandas as pa

from apps.price.schema import STATES, Group
from apps.price.serve.columns import OPTIONAL
from training.data.split import by_time
from training.errors import BadValue, DataError
from training.recipe import RecipeOptions, Split

__all__ = ["FORBIDDEN", "SCHEMA", "add_reference", "cut", "groups_of", "tidy"]

FORBIDDEN = ("min", "max", "MIN", "MAX", "min_price", "max_price", "Min_x0020_Price", "Max_x0020_Price")
"""The day's lowest and highest prices enclose the modal price and would leak the target."""

AGMARKNET = {"MANDINAME": "market", "DATE": "date", "PRICE": "price", "ARRIVAL": "arrival"}
PLAIN = ("market", "date", "price", "arrival", "commodity", "reference")
FIELDS = tuple(name for names in OPTIONAL.values() for name in names)
SERIES = ["commodity", "market"]

REFERENCE_DAYS = 3
"""Calendar days for which a market's price counts towards the reference."""
REFERENCE_MARKETS = 2
"""Minimum number of other markets for a reference."""

VALIDATION_SHARE = 0.18
"""Share of the time before the test period that is used for early stopping and calibration."""
TEST_YEARS = 2
LEAST_DAYS = 300
"""Minimum number of calendar days in a table."""


def _number(low: float, high: float, nullable: bool = True, required: bool = False) -> pa.Column:
    return pa.Column(float, pa.Check.between(low, high), nullable=nullable, required=required, coerce=True)


SCHEMA = pa.DataFrameSchema(
    {
        "commodity": pa.Column(str, pa.Check.str_length(1, 64)),
        "market": pa.Column(str, pa.Check.str_length(1, 64)),
        "date": pa.Column("datetime64[ns]", pa.Check.ge(pd.Timestamp("1990-01-01"))),
        "price": _number(0.01, 1e7, nullable=False, required=True),
        "arrival": _number(0, 1e6, required=True),
        "reference": _number(0.01, 1e7, required=True),
        "staple_length": _number(10, 60),
        "micronaire": _number(1, 10),
        "strength": _number(5, 100),
        "colour": _number(0, 100),
        "port_distance": _number(0, 4000),
        "state": pa.Column(str, pa.Check.isin(STATES), nullable=True, required=False),
        "credit_score": _number(300, 900),
        "past_quality": _number(0, 1),
        "trades": _number(0, 1e7),
        "world_index": _number(1e-9, 1e4),
        "exchange_rate": _number(1e-9, 1e3),
        "crude": _number(1e-9, 1e3),
    },
    strict=True,
    unique=["commodity", "market", "date"],
)
"""The tidy table: one row per market and trading day."""


def tidy(raw: pd.DataFrame, options: RecipeOptions) -> pd.DataFrame:
    """Return one row per market and trading day, sorted, from Agmarknet's layout or the plain one.

    Rows without a price are dropped. If a market and day have several rows, the last row in the file stays,
    because later rows correct earlier ones. `attrs["dropped"]` counts both. Raises `DataError`.
    """
    frame = _select(_rename(raw), options)
    frame["date"] = _dates(frame["date"])
    for name in ("price", "arrival", "reference", *FIELDS):
        if name in frame and name != "state":
            frame[name] = _numbers(frame[name], name)
    priced = frame[frame["price"].notna()]
    unique = priced.drop_duplicates([*SERIES, "date"], keep="last").sort_values([*SERIES, "date"], kind="stable")
    if "reference" not in unique:
        unique = add_reference(unique)
    unique.attrs["dropped"] = {
        "without a price": len(frame) - len(priced),
        "repeated market and date": len(priced) - len(unique),
    }
    unique.attrs["unused"] = _unused(raw)
    return unique


def _rename(raw: pd.DataFrame) -> pd.DataFrame:
    if set(AGMARKNET) <= set(raw.columns):
        frame = raw[list(AGMARKNET)].rename(columns=AGMARKNET)
    elif {"market", "date", "price"} <= set(raw.columns):
        frame = raw[[name for name in (*PLAIN, *FIELDS) if name in raw]].copy()
    else:
        raise DataError(
            f"columns {', '.join(map(str, raw.columns))} match no known layout; expected Agmarknet's "
            f"({', '.join(AGMARKNET)}) or market, date, price and any of arrival, commodity, reference, "
            f"{', '.join(FIELDS)}"
        )
    if "arrival" not in frame:
        frame["arrival"] = np.nan
    frame["market"] = _text(frame["market"])
    return frame


def _unused(raw: pd.DataFrame) -> list[str]:
    """Return the columns that no layout has."""
    used = AGMARKNET if set(AGMARKNET) <= set(raw.columns) else (*PLAIN, *FIELDS)
    return [str(name) for name in raw.columns if name not in used]


def _select(frame: pd.DataFrame, options: RecipeOptions) -> pd.DataFrame:
    wanted = options.select.get("commodity", "").strip().lower()
    if "commodity" not in frame:
        if not wanted:
            raise DataError("the table has no column commodity; set it with --commodity, e.g. --commodity onion")
        return frame.assign(commodity=wanted)
    frame = frame.assign(commodity=_text(frame["commodity"]).map(str.lower))
    if not wanted:
        return frame
    known = ", ".join(sorted(frame["commodity"].unique()))
    frame = frame[frame["commodity"] == wanted].copy()
    if frame.empty:
        raise DataError(f"no row has the commodity {wanted!r}; the table has: {known}")
    return frame


def _text(column: pd.Series[Any]) -> pd.Series[Any]:
    return column.map(lambda value: str(value).strip())


def _dates(column: pd.Series[Any]) -> pd.Series[Any]:
    dates = pd.to_datetime(column, errors="coerce", format="ISO8601")
    _refuse(column, dates.isna(), "date", "a date such as 2019-06-28")
    return dates.dt.normalize()


def _numbers(column: pd.Series[Any], name: str) -> pd.Series[Any]:
    numbers = pd.to_numeric(column, errors="coerce")
    _refuse(column, numbers.isna() & column.notna(), name, "a number or an empty cell")
    return numbers.astype(float)


def _refuse(column: pd.Series[Any], wrong: pd.Series[Any], name: str, wanted: str) -> None:
    if wrong.any():
        where = int(wrong.to_numpy().argmax())
        found = column.iloc[where]
        raise BadValue(int(column.index[where]), name, found, wanted)


def add_reference(frame: pd.DataFrame) -> pd.DataFrame:
    """Add `reference`: the commodity's price in the other markets on the same day, from data known by then.

    It is the geometric mean of the other markets' latest prices in the last three calendar days, weighted by
    log(1 + tonnes) + 0.1. It is missing if fewer than two other markets reported. It uses no later day.
    """
    parts = []
    for _, part in frame.groupby("commodity", sort=False):
        prices, tonnes = (_panel(part, name) for name in ("price", "arrival"))
        known = np.isfinite(prices) & (prices > 0)  # the schema refuses the others, later and by their rows
        weights = np.where(known, np.log1p(np.nan_to_num(tonnes)) + 0.1, 0.0)
        logs = np.where(known, np.log(np.where(known, prices, 1.0)), 0.0) * weights
        others = known.sum(axis=1, keepdims=True) - known
        rest = np.maximum(weights.sum(axis=1, keepdims=True) - weights, 1e-9)
        table = np.exp((logs.sum(axis=1, keepdims=True) - logs) / rest)
        table[others < REFERENCE_MARKETS] = np.nan
        day = (part["date"] - part["date"].min()).dt.days.to_numpy()
        parts.append(part.assign(reference=table[day, pd.factorize(part["market"], sort=True)[0]]))
    return pd.concat(parts)


def _panel(part: pd.DataFrame, column: str) -> npt.NDArray[np.float64]:
    """Return calendar days by markets (sorted); a value remains valid for up to three days."""
    wide = part.pivot(index="date", columns="market", values=column).asfreq("D")
    return np.asarray(wide.ffill(limit=REFERENCE_DAYS - 1), dtype=np.float64)


def groups_of(frame: pd.DataFrame) -> tuple[Group, ...]:
    """Return the optional groups for which the table has a value."""
    columns: dict[Group, tuple[str, ...]] = {"reference": ("reference",), **OPTIONAL}  # type: ignore[dict-item]
    return tuple(
        group
        for group, names in columns.items()
        if any(name in frame and frame[name].notna().any() for name in names)
    )


def cut(frame: pd.DataFrame) -> Split:
    """Split by time: the test part starts on January 1st two years before the last year.

    If the time before that is too short (less than half of the span), the test part is the last fifth. Validation
    is the last 18 % of the time before the test part, and train is the rest. A row's target is a later row of the
    same part, so no target crosses a boundary. Raises `DataError`.
    """
    first, last = frame["date"].min(), frame["date"].max()
    span = last - first
    if span.days < LEAST_DAYS:
        raise DataError(
            f"the table spans {span.days} days; at least {LEAST_DAYS} are needed to split the table by time"
        )
    test_from = pd.Timestamp(year=last.year - TEST_YEARS, month=1, day=1)
    if test_from - first < span / 2:
        test_from = (first + 0.8 * span).normalize()
    validation_from = (first + (1 - VALIDATION_SHARE) * (test_from - first)).normalize()
    split = by_time(frame, "date", validation_from, test_from)
    return Split(
        train=split.train,
        validation=split.validation,
        test=split.test,
        description={**split.description, "dropped_in_tidy": frame.attrs.get("dropped", {})},
    )
