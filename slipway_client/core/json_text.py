"""Rows to JSON: numbers of NumPy, dates and missing values too."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, is_dataclass
from datetime import date, time
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

import numpy as np

from slipway_client.errors import BadAnswer, Invalid

__all__ = ["decode_object", "encode_instances"]

MISSING = ("NAType", "NaTType")
"""Types of pandas' own missing values, which are not equal to themselves."""


def encode_instances(rows: list[Any]) -> bytes:
    """The body of a v1 request. NaN becomes null, which means unknown.

    Raises `Invalid` for values that JSON cannot express, infinity among them.
    """
    try:
        return _dumps({"instances": rows})
    except ValueError:
        # Rows without NaN, which are most, are not walked through.
        pass
    try:
        return _dumps({"instances": _without_nan(rows, "$.instances")})
    except RecursionError as cause:
        raise Invalid("`rows` must not contain themselves", field="rows") from cause


def decode_object(body: bytes, request_id: str) -> dict[str, Any]:
    """The JSON object of an answer. Raises `BadAnswer`."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError) as cause:
        raise BadAnswer(f"the answer is not JSON: {cause}", request_id=request_id) from cause
    if not isinstance(found, dict):
        raise BadAnswer("the answer is not a JSON object", request_id=request_id)
    return found


def _dumps(document: Any) -> bytes:
    try:
        return json.dumps(document, allow_nan=False, separators=(",", ":"), default=_plain).encode()
    except TypeError as cause:
        raise Invalid(f"`rows` must hold what JSON can express: {cause}", field="rows") from cause


def _plain(value: Any) -> Any:
    """A value that `json` does not know, as one that it knows. Raises `TypeError`."""
    if type(value).__name__ in MISSING:
        return None
    if isinstance(value, np.generic):
        return _text(value) if value.dtype.kind in "mM" else value.item()
    if isinstance(value, np.ndarray):
        return [_plain(item) for item in value] if value.dtype.kind in "mM" else value.tolist()
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, Decimal):
        return float(value)
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    raise TypeError(f"{type(value).__name__} {str(value)[:60]!r} is not allowed")


def _text(value: np.generic) -> str | None:
    return None if np.isnat(value) else str(value)


def _without_nan(value: Any, path: str) -> Any:
    """A copy with null for every NaN. Raises `Invalid` for infinity, naming its place."""
    if isinstance(value, dict):
        return {key: _without_nan(item, f"{path}.{key}") for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(item, f"{path}[{at}]") for at, item in enumerate(value)]
    if isinstance(value, float):
        if math.isinf(value):
            raise Invalid(f"{path}: must be a finite number or NaN, got {value}", field=path)
        return None if math.isnan(value) else value
    if isinstance(value, str | int | bool | None):
        return value
    try:
        return _without_nan(_plain(value), path)
    except TypeError as cause:
        raise Invalid(f"{path}: {cause}", field=path) from cause
