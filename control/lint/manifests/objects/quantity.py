"""Parse quantities such as 500m and 2Gi."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

__all__ = ["parse"]

_FORM = re.compile(r"(?P<number>[+-]?(\d+(\.\d*)?|\.\d+))(?P<unit>[KMGTPE]i|[numkMGTPE]|[eE][+-]?\d+)?", re.ASCII)
LARGEST = Decimal((1 << 63) - 1)
"""The API server takes this for everything that is larger."""
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
        number *= Decimal(1024) ** _POWERS[{"K": "k"}.get(unit[0], unit[0])]
    elif unit in _POWERS:
        number *= Decimal(1000) ** _POWERS[unit]
    elif unit:
        digits = unit[1:].lstrip("+-").lstrip("0") or "0"
        # A larger exponent gives the same.
        exponent = int(digits) if len(digits) < 3 else 99
        number *= Decimal(10) ** (-exponent if unit[1] == "-" else exponent)
    return max(-LARGEST, min(LARGEST, number))
