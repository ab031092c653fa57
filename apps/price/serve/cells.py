"""Layout of a row of the scratch table in which `fast_features.compute` works.

A NumPy call on a few numbers costs as much as one on hundreds. Similar quantities therefore lie side by side, one
call fills a whole block, and a final gather collects the model's columns from the blocks.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from apps.price.serve.columns import FEATURES, LAGS, MIDDLE, OPTIONAL, REFERENCE_LAGS, SPANS
from apps.price.serve.seasons import DAY

__all__ = [
    "BLOCKS",
    "CELL",
    "LEFT",
    "LEVELS",
    "MEANS",
    "ORDER",
    "RECENT",
    "RIGHT",
    "WIDTH",
]

LEVELS = ("day", "price", "reference", "arrival", "premium")
"""Series from which single days are taken."""
MEANS = ("arrival_mean", "premium_mean", "move", "gap", "turbulence", "mean", "volatility", "spread")
"""Series that are averaged over `SPANS`."""
RECENT = tuple(sorted({0, *LAGS, *REFERENCE_LAGS}))
"""Lags of the days taken from `LEVELS`."""

_DIFFERENCES = {
    **{f"momentum_{lag}": ("price@0", f"price@{lag}") for lag in LAGS},
    "gap": ("day@0", "day@1"),
    "reference": ("reference@0", "price@0"),
    **{f"reference_momentum_{lag}": ("reference@0", f"reference@{lag}") for lag in REFERENCE_LAGS},
    **{f"arrival_{span}": ("arrival@0", f"arrival_mean_{span}") for span in SPANS},
    **{f"premium_{span}": ("premium@0", f"premium_mean_{span}") for span in SPANS},
}
"""Name to the two cells whose difference it is."""


def _spans(name: str, spans: tuple[int, ...]) -> list[str]:
    """Return the cells of reductions over several spans; `ufunc.reduceat` leaves an unused one between spans."""
    return " - ".join(f"{name}_{span}" for span in spans).split(" ")


_NAMES: dict[str, list[str]] = {
    "levels": [f"{name}@{lag}" for name in LEVELS for lag in RECENT],
    **{name: _spans(name, SPANS) for name in MEANS},
    "low": _spans("low", SPANS[1:]),
    "high": _spans("high", SPANS[1:]),
    "latest": [f"latest_{rank}" for rank in range(MIDDLE)],
    "median": [f"median_{MIDDLE}"],
    "dispersion": ["dispersion"],
    "reported": ["arrival_reported"],
    "known": ["observations"],
    "horizon": ["horizon"],
    "default_gap": ["default_gap"],
    "now": ["weekday", "month", "year_sin", "year_cos"],
    "then": [f"target_{name}" for name in DAY],
    "harvest": ["harvest"],
    "differences": list(_DIFFERENCES),
    "optional": [name for names in OPTIONAL.values() for name in names],
}
_CELLS = [name for names in _NAMES.values() for name in names]

WIDTH = len(_CELLS)
CELL: dict[str, int] = {name: place for place, name in enumerate(_CELLS)}
"""Name to position in the row."""
BLOCKS: dict[str, slice] = {
    block: slice(CELL[names[0]], CELL[names[0]] + len(names)) for block, names in _NAMES.items()
}
"""Name of a block to its positions in the row."""
BLOCKS["means"] = slice(BLOCKS[MEANS[0]].start, BLOCKS[MEANS[-1]].stop)
BLOCKS["roots"] = slice(BLOCKS["volatility"].start, BLOCKS["spread"].stop)


def _places(names: list[str]) -> npt.NDArray[np.intp]:
    return np.array([CELL[name] for name in names], dtype=np.intp)


LEFT = _places([left for left, _ in _DIFFERENCES.values()])
"""Positions of the minuends of the block `differences`."""
RIGHT = _places([right for _, right in _DIFFERENCES.values()])
"""Positions of the subtrahends."""
ORDER = _places(["arrival@0" if name == "arrival" else name for name in FEATURES])
"""Positions of the model's columns."""
