"""What looks wrong in a valid table: another unit in some rows, a target on another level, a day that is cut off.

Each is a sentence that names rows and column. Nothing is refused: the values may be right.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from training.data.read import ROW, file_and_row
from training.recipe import Dataset, Recipe

__all__ = ["suspicions"]

Floats = npt.NDArray[np.float64]

LEAST = 20
"""Fewest values on each side, and fewest distinct ones: codes such as 1 and 1000 are no units."""
SHARE = 0.01
"""Smallest share of a column that may have another unit."""
DECADES = 2
"""Smallest difference of two units: a factor of 100."""
NEAR = 0.15
"""How far, in decades, the factor may be from a power of ten."""
PLACES = 60
"""Places between the smallest and the largest value at which a column may fall apart."""
LEVEL = 0.1
"""The quantile of a series by which its values are divided: with two units, it lies in the smaller one."""
EMPTY = 0.1
"""Half the width of the gap between both sides, relative to their distance."""
BETWEEN = 0.05
"""Largest share of the smaller side that may lie in the gap."""
LEAST_LATER = 5
"""Fewest values on each level of a series."""
SHIFT = 1.7
"""Decades by which a later level is another one: a factor of 50."""
CUT_OFF = 0.5
"""A last day with fewer rows than this share of a poor day's is cut off."""
POOR = 0.05
"""The quantile that is a poor day."""
LEAST_DAYS = 14
SHOWN = 3


def suspicions(recipe: Recipe[Any], tidy: pd.DataFrame, dataset: Dataset) -> list[str]:
    """Sentences on the columns of the valid table, in their order, then on its end."""
    found = []
    watched = recipe.target if recipe.time_column and recipe.target in tidy else None
    for name in tidy.columns:
        values = tidy[name]
        if not pd.api.types.is_numeric_dtype(values) or pd.api.types.is_bool_dtype(values):
            continue
        text = _shifted(recipe, tidy, dataset) if name == watched else ""
        text = text or _units(recipe, tidy, str(name), dataset)
        found += [text] if text else []
    return found + _cut_off(recipe, tidy)


def _units(recipe: Recipe[Any], tidy: pd.DataFrame, name: str, dataset: Dataset) -> str:
    """Whether the column has two sides of one shape, the larger a power of ten times the smaller.

    Values of different series are made comparable first, since saffron costs more than onions: by the whole name
    of a series, which finds rows of another unit, then by its first part, which finds markets of another unit.
    """
    known = (tidy[name] > 0).to_numpy(dtype=bool)
    kept = tidy.loc[known, name].astype(np.float64)
    if len(kept) < 2 * LEAST:
        return ""
    keys = [tidy.loc[known, key].to_numpy() for key in recipe.series if key in tidy]
    for some in dict.fromkeys((len(keys), min(1, len(keys)))):
        values = kept / kept.groupby(keys[:some]).transform("quantile", LEVEL) if some else kept
        logs = np.log10(values.to_numpy())
        found = _sides(np.sort(logs))
        if found:
            break
    if found is None:
        return ""
    place, decades = found
    larger = logs >= place
    return (
        f"column {name!r}: {int(larger.sum())} of {len(tidy)} values are about {10**decades:,} times larger "
        f"than the others{_rows(kept.index[larger], dataset)}; check their unit"
    )


def _sides(ordered: Floats) -> tuple[float, int] | None:
    """The place with the emptiest gap between two sides, and their distance in decades."""
    least = max(LEAST, SHARE * len(ordered))
    best: tuple[float, float, int] | None = None
    if ordered[-1] - ordered[0] < DECADES - NEAR:
        return None
    for place in np.linspace(ordered[0], ordered[-1], PLACES)[1:-1]:
        where = int(np.searchsorted(ordered, place))
        low, high = ordered[:where], ordered[where:]
        if min(len(low), len(high)) < least:
            continue
        distance = float(high[len(high) // 2] - low[len(low) // 2])
        if round(distance) < DECADES or abs(distance - round(distance)) > NEAR or not _alike(low, high, distance):
            continue
        edges = np.searchsorted(ordered, [place - EMPTY * distance, place + EMPTY * distance])
        share = float(edges[1] - edges[0]) / min(len(low), len(high))
        if share <= BETWEEN and (best is None or share < best[0]):
            best = share, float(place), round(distance)
    return best[1:] if best else None


def _alike(low: Floats, high: Floats, distance: float) -> bool:
    """Whether both sides have the same shape and many different values, as the same thing in two units has."""
    narrow, wide = sorted((float(np.std(low)), float(np.std(high))))
    different = min(np.count_nonzero(np.diff(side) > 0) for side in (low, high))
    return wide <= distance / 4 and wide <= 2 * narrow and different >= LEAST - 1


def _shifted(recipe: Recipe[Any], tidy: pd.DataFrame, dataset: Dataset) -> str:
    """Whether the target of some series is on another level from some time on."""
    time, target = str(recipe.time_column), str(recipe.target)
    names = [name for name in recipe.series if name in tidy]
    groups = tidy.groupby(names, sort=True) if names else [("", tidy)]
    hits = []
    for key, part in groups:
        part = part[part[target] > 0].sort_values(time, kind="stable")
        values = part[target].to_numpy(dtype=np.float64)
        place = _level(values)
        if place is not None:
            ratio = np.median(values[place:]) / np.median(values[:place])
            where = " ".join(map(str, key)) if isinstance(key, tuple) else str(key)
            hits.append((part.iloc[place:], ratio, where))
    if not hits:
        return ""
    rows, ratio, where = hits[0]
    many = f" and {len(hits) - 1} more series" if len(hits) > 1 else ""
    factor, word = (ratio, "larger") if ratio > 1 else (1 / ratio, "smaller")
    return (
        f"column {target!r}{f' of {where}' if where else ''}{many}: from {rows[time].iloc[0]:%Y-%m-%d} on, "
        f"{len(rows)} values are about {factor:,.0f} times {word} than before{_rows(rows.index, dataset)}; "
        "check their unit"
    )


def _level(values: Floats) -> int | None:
    """The place from which on all but a few values are on another level than before; None if there is none."""
    if len(values) < 2 * LEAST:
        return None
    logs = np.log10(values)
    jumps = np.abs(np.diff(logs))
    for place in np.argsort(-jumps, kind="stable")[:SHOWN] + 1:
        before, after = logs[:place], logs[place:]
        if min(len(before), len(after)) < LEAST_LATER or jumps[place - 1] < SHIFT / 2:
            continue
        low, high = sorted((before, after), key=lambda side: float(np.median(side)))
        apart = np.quantile(high, POOR) > np.quantile(low, 1 - POOR)
        if apart and np.median(high) - np.median(low) >= SHIFT:
            return int(place)
    return None


def _cut_off(recipe: Recipe[Any], tidy: pd.DataFrame) -> list[str]:
    """Whether the last day has far fewer rows than the days before."""
    if not recipe.time_column or tidy.index.has_duplicates:
        return []
    counts = tidy[recipe.time_column].dt.normalize().value_counts().sort_index()
    if len(counts) <= LEAST_DAYS:
        return []
    usual = float(counts.iloc[:-1].quantile(POOR))
    last = int(counts.iloc[-1])
    if last >= CUT_OFF * usual:
        return []
    return [
        f"column {recipe.time_column!r}: the last day, {counts.index[-1]:%Y-%m-%d}, has {last} "
        f"row{'s' * (last != 1)}, the days before {counts.iloc[:-1].median():.0f}; leave it out if it is not over"
    ]


def _rows(labels: pd.Index[Any], dataset: Dataset) -> str:
    """The first rows in the files, where the tidy table still has their numbers."""
    if labels.name != ROW:
        return ""
    places = sorted({int(label) for label in labels})
    shown = ", ".join(file_and_row(dataset, place) for place in places[:SHOWN])
    return f", first in {shown}"
