"""Parse quantities such as 500m and 2Gi."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

__all__ = ["parse"]

_FORM = re.compile(r"(?P<number>[+-]?(\d+(\.\d*)?|\.\d+))(?P<unit>[KMGTPE]i|[numkMGTPE]|[eE][+-]?\d+)?", re.ASCII)
_POWERS = {"n": -3, "u": -2, "m": -1, "k": 1, "M": 2, "G": 3, "T": 4, "P": 5, "E": 6}


def parse(value: Any) -> Decimal | None:
    """Return the number, or None if the API server could not parse it."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    match = _FORM.fullmatch(str(value))
    if match is None:
        return None
    number, unit = Decimal(match["number"]), match["unit"] or ""
    if unit.endswith("i"):
        return number * Decimal(1024) ** _POWERS[{"K": "k"}.get(unit[0], unit[0])]
    if unit in _POWERS:
        return number * Decimal(1000) ** _POWERS[unit]
    return number * Decimal(10) ** int(unit[1:]) if unit else number
