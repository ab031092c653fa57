"""Convert rows of the tidy table to question types, to model input, and to text for the baseline."""

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
    """Return one requirement per row."""
    return [Requirement(**fields) for fields in _fields(frame, "requirement")]


def availabilities(frame: pd.DataFrame) -> list[Availability]:
    """Return one availability per row; its id is the row's position."""
    return [Availability(id=str(row), **fields) for row, fields in enumerate(_fields(frame, "availability"))]


def availability_pool(frames: Sequence[pd.DataFrame]) -> list[Availability]:
    """Return every distinct availability of all frames, in their order: the full table of a search."""
    every = pd.concat(frames)
    columns = [name for name in every.columns if name.startswith("availability_")]
    return availabilities(every.drop_duplicates(columns))


def flat(left: Sequence[Requirement], right: Sequence[Availability]) -> Arrays:
    """Run `features.compare` in chunks, which limits the memory for many pairs."""
    parts = [
        compare(left[start : start + CHUNK], right[start : start + CHUNK]) for start in range(0, len(left), CHUNK)
    ]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def contents(availability: Availability) -> Availability:
    """Return the availability without its id, for comparison of contents."""
    return msgspec.structs.replace(availability, id="-")


def text_of(side: Requirement | Availability) -> str:
    """Return all words of a side for the baseline, cleaned as for the model."""
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
