"""Rows of the tidy table as the questions' own types, as the model's input, and as text for the baseline."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import msgspec
import numpy as np
import pandas as pd

from apps.matching.schema import Availability, Place, Requirement
from apps.matching.serve.features import compare
from apps.matching.serve.tokens import clean
from serving.kernel.tensors import Arrays

__all__ = ["availabilities", "availability_pool", "contents", "flat", "requirements", "text_of"]

CHUNK = 4096
NUMBERS = ("quantity", "price", "quality")
Side = TypeVar("Side", Requirement, Availability)


def requirements(frame: pd.DataFrame) -> list[Requirement]:
    """One per row."""
    return [Requirement(**fields) for fields in _fields(frame, "requirement")]


def availabilities(frame: pd.DataFrame) -> list[Availability]:
    """One per row; the id is the row's place."""
    return [Availability(id=str(row), **fields) for row, fields in enumerate(_fields(frame, "availability"))]


def availability_pool(frames: Sequence[pd.DataFrame]) -> list[Availability]:
    """Every different availability of all frames, in their order: the table a search goes through."""
    every = pd.concat(frames)
    columns = [name for name in every.columns if name.startswith("availability_")]
    return availabilities(every.drop_duplicates(columns))


def flat(left: Sequence[Requirement], right: Sequence[Availability]) -> Arrays:
    """`features.compare` in chunks, so that many pairs need little memory at once."""
    parts = [
        compare(left[start : start + CHUNK], right[start : start + CHUNK]) for start in range(0, len(left), CHUNK)
    ]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def contents(availability: Availability) -> Availability:
    """What makes an availability the same as another: everything but its id."""
    return msgspec.structs.replace(availability, id="-")


def text_of(side: Requirement | Availability) -> str:
    """All words of a side, cleaned as the model's are, for the baseline."""
    return clean(f"{side.name} {side.maker} {side.description}")


def _fields(frame: pd.DataFrame, side: str) -> list[dict[str, Any]]:
    prefix = f"{side}_"
    table = frame[[name for name in frame.columns if name.startswith(prefix)]]
    rows = table.rename(columns=lambda name: name.removeprefix(prefix)).to_dict("records")
    return [_given(row) for row in rows]


def _given(row: dict[Any, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {name: row[name] for name in ("name", "description", "maker")}
    found |= {name: row[name] or None for name in ("commodity", "unit")}
    found |= {name: None if pd.isna(row[name]) else float(row[name]) for name in NUMBERS}
    if not pd.isna(row["latitude"]) and not pd.isna(row["longitude"]):
        found["place"] = Place(latitude=float(row["latitude"]), longitude=float(row["longitude"]))
    return found
