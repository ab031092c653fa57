"""Shipment tables: conversion of known layouts to one clean table, the schema of the tidy table, and the split."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import pandera.pandas as pa

from apps.vendor.schema import FULFILMENTS, INCOTERMS, MODES, PRODUCT_CLASSES, PRODUCT_GROUPS
from training.data.split import by_time
from training.errors import BadValue, DataError
from training.recipe import Split

__all__ = ["FORBIDDEN", "SCHEMA", "cut", "shipments"]

FORBIDDEN = (
    "delivered",
    "recorded",
    "delay",
    "days_late",
    "freight",
    "insurance",
    "Delivered to Client Date",
    "Delivery Recorded Date",
    "ASN/DN #",
    "Freight Cost (USD)",
    "Line Item Insurance (USD)",
)
"""Known only after a shipment left or arrived. Histories contain only data known on the day of the question."""

SCMS = {
    "Vendor": "vendor",
    "Country": "country",
    "Scheduled Delivery Date": "scheduled",
    "Delivered to Client Date": "delivered",
    "Delivery Recorded Date": "recorded",
    "PO Sent to Vendor Date": "ordered",
    "Shipment Mode": "mode",
    "Fulfill Via": "fulfilment",
    "Vendor INCO Term": "incoterm",
    "Product Group": "product_group",
    "Sub Classification": "product_class",
    "Line Item Quantity": "quantity",
    "Line Item Value": "value",
    "Unit of Measure (Per Pack)": "pack_size",
    "Weight (Kilograms)": "weight",
    "First Line Designation": "first_line",
}
REQUIRED = ("vendor", "country", "scheduled", "delivered", "quantity", "value")
DAYS = ("scheduled", "delivered", "recorded", "ordered")
NUMBERS = ("quantity", "value", "pack_size", "weight")
WORDS: dict[str, Mapping[str, str]] = {
    "mode": {word: word for word in MODES},
    "fulfilment": {**{word: word for word in FULFILMENTS}, "from rdc": "stock", "direct drop": "direct"},
    "incoterm": {word.lower(): word for word in INCOTERMS},
    "product_group": {word.lower(): word for word in PRODUCT_GROUPS},
    "product_class": {word.lower(): word for word in PRODUCT_CLASSES},
    "first_line": {"yes": "1", "no": "0", "true": "1", "false": "0", "1": "1", "0": "0"},
}
"""Column to its allowed words, in lower case, and their replacements."""
DATE_FORMATS = ("%Y-%m-%d", "%d-%b-%y", "%m/%d/%y")
NOTHING = (
    "",
    "nan",
    "none",
    "date not captured",
    "pre-pq process",
    "n/a - from rdc",
    "weight captured separately",
)
"""Words that mean a missing value."""
ELSEWHERE = r"see (asn|dn)-\d+ \(id#:\d+\)"
"""A reference to another line, which holds the weight of several lines together."""

TEST_SHARE = 0.2
VALIDATION_SHARE = 0.16
"""Shares of the rows, by the day of the question."""


def _number(low: float, high: float, nullable: bool = True) -> pa.Column:
    return pa.Column(float, pa.Check.between(low, high), nullable=nullable, coerce=True)


def _word(words: tuple[str, ...], nullable: bool = True) -> pa.Column:
    return pa.Column(object, pa.Check.isin(words), nullable=nullable)


SCHEMA = pa.DataFrameSchema(
    {
        "vendor": pa.Column(str, pa.Check.str_length(1, 128)),
        "country": pa.Column(str, pa.Check.str_length(1, 128)),
        "asked": pa.Column("datetime64[ns]"),
        "scheduled": pa.Column("datetime64[ns]", pa.Check.ge(pd.Timestamp("1990-01-01"))),
        "known_on": pa.Column("datetime64[ns]"),
        "ordered": pa.Column("datetime64[ns]", nullable=True),
        "mode": _word(MODES),
        "fulfilment": _word(FULFILMENTS, nullable=False),
        "incoterm": _word(INCOTERMS),
        "product_group": _word(PRODUCT_GROUPS),
        "product_class": _word(PRODUCT_CLASSES),
        "quantity": _number(1, 1e8, nullable=False),
        "value": _number(0, 1e9, nullable=False),
        "pack_size": _number(1, 1e5),
        "weight": _number(0, 1e7),
        "first_line": _number(0, 1),
        "history": pa.Column(object),
        "late": _number(0, 1, nullable=False),
    },
    strict=True,
)
"""The tidy table: one row per shipment and day of the question."""


def shipments(raw: pd.DataFrame) -> pd.DataFrame:
    """Return one row per delivered shipment, sorted by scheduled day, from the SCMS layout or the plain one.

    Columns: those of the question, `delivered` and `recorded` (the day the delivery became known, not before the
    delivery). `attrs["dropped"]` counts the shipments without a delivery. Raises `DataError`.
    """
    frame = _rename(raw)
    for name in DAYS:
        frame[name] = _days(frame[name])
    for name in NUMBERS:
        frame[name] = _numbers(frame[name])
    for name, words in WORDS.items():
        frame[name] = _words(frame[name], words)
    frame["first_line"] = frame["first_line"].astype(float)
    frame["fulfilment"] = frame["fulfilment"].where(frame["fulfilment"].notna(), "direct")
    came = frame[frame["delivered"].notna()].sort_values("scheduled", kind="stable")
    came = came.assign(recorded=came[["delivered", "recorded"]].max(axis=1))
    came.attrs["dropped"] = {"without a delivery": len(frame) - len(came)}
    names = _layout(raw)
    came.attrs["unused"] = [str(name) for name in raw.columns if name not in names]
    return came


def cut(frame: pd.DataFrame) -> Split:
    """Split by the day of the question: the last fifth of the rows to test, the 16 % before it to validation.

    A row is dropped if its shipment was due in a later part than the question, because its outcome was unknown at
    the end of the part. Raises `DataError`.
    """
    asked = frame["asked"].sort_values(kind="stable").reset_index(drop=True)
    boundaries = (1 - TEST_SHARE - VALIDATION_SHARE, 1 - TEST_SHARE)
    validation_from, test_from = (asked.iloc[int(share * len(asked))] for share in boundaries)
    split = by_time(frame, "asked", validation_from, test_from, until="known_on")
    for name in ("train", "validation"):
        if getattr(split, name)["late"].nunique() < 2:
            raise DataError(f"split: the {name} part has shipments of one outcome only; provide more data")
    return Split(
        train=split.train,
        validation=split.validation,
        test=split.test,
        description={**split.description, "dropped_in_tidy": frame.attrs.get("dropped", {})},
    )


def _layout(raw: pd.DataFrame) -> dict[str, str]:
    """Return the columns of the SCMS layout or of the plain one, and what the app calls them."""
    return SCMS if set(SCMS) <= set(raw.columns) else {name: name for name in SCMS.values()}


def _rename(raw: pd.DataFrame) -> pd.DataFrame:
    names = _layout(raw)
    absent = [name for name in REQUIRED if name not in raw.columns] if names is not SCMS else []
    if absent:
        raise DataError(
            f"column {absent[0]!r} is missing; expected the SCMS layout ({', '.join(list(SCMS)[:5])}, ...) or "
            f"{', '.join(REQUIRED)} and any of {', '.join(set(SCMS.values()) - set(REQUIRED))}"
        )
    frame = raw[[name for name in names if name in raw]].rename(columns=names)
    frame = frame.reindex(columns=list(SCMS.values()))
    for name in ("vendor", "country"):
        frame[name] = frame[name].map(str).map(str.strip)
    return frame


def _text(column: pd.Series[Any]) -> pd.Series[Any]:
    """Return lower case without spaces at the ends; words that mean a missing value become missing."""
    text = column.map(lambda value: str(value).strip().lower()).astype(object)
    elsewhere = text.map(lambda value: re.fullmatch(ELSEWHERE, value) is not None)
    nothing = column.isna() | text.isin(NOTHING) | elsewhere
    masked: pd.Series[Any] = text.mask(nothing, None)
    return masked


def _days(column: pd.Series[Any]) -> pd.Series[Any]:
    if pd.api.types.is_datetime64_any_dtype(column):
        given: pd.Series[Any] = column.dt.normalize().astype("datetime64[ns]")
        return given
    text = _text(column)
    days = pd.Series(pd.NaT, index=column.index, dtype="datetime64[ns]")
    for style in DATE_FORMATS:
        days = days.fillna(pd.to_datetime(text, format=style, errors="coerce").astype("datetime64[ns]"))
    _refuse(column, days.isna() & text.notna(), "a date such as 2014-06-02, 2-Jun-14 or 6/2/14")
    return days


def _numbers(column: pd.Series[Any]) -> pd.Series[Any]:
    text = _text(column)
    numbers = pd.to_numeric(text, errors="coerce").astype(float)
    infinite = numbers.isna() | numbers.isin([np.inf, -np.inf])
    _refuse(column, infinite & text.notna(), "a number or an empty cell")
    return numbers


def _words(column: pd.Series[Any], words: Mapping[str, str]) -> pd.Series[Any]:
    text = _text(column)
    if pd.api.types.is_float_dtype(column):
        text = text.str.removesuffix(".0")
    found = text.map(dict(words)).astype(object)
    _refuse(column, found.isna() & text.notna(), f"one of {', '.join(sorted(words))} or an empty cell")
    return found.where(found.notna(), None)


def _refuse(column: pd.Series[Any], wrong: pd.Series[Any], wanted: str) -> None:
    if wrong.any():
        where = int(wrong.to_numpy().argmax())
        raise BadValue(int(column.index[where]), str(column.name), column.iloc[where], wanted)
