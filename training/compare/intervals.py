"""The difference of two versions for each metric and slice, with paired block bootstrap intervals."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence

import msgspec
import numpy as np
import numpy.typing as npt
import pandas as pd

from training.compare.measures import Measure, Side, measures_of, side_of
from training.measures.evaluation_rows import Paired

__all__ = ["LEAST_BLOCKS", "LEAST_ROWS", "Line", "differences", "lines_of"]

Floats = npt.NDArray[np.float64]

RESAMPLES = 1000
LEVEL = 0.95
LEAST_BLOCKS = 10
LEAST_ROWS = 30
"""With fewer blocks or rows no interval is reliable, and none is given."""
SEED = 7
CELLS = 4_000_000
"""Most row weights in memory at once."""


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One metric on one slice. Undefined values are None."""

    metric: str
    slice: str
    rows: int
    blocks: int
    first: float | None
    second: float | None
    difference: float | None
    """Second minus first."""
    low: float | None = None
    high: float | None = None
    better: str
    """The better direction: `lower`, `higher`, or `nominal` for neither."""
    verdict: str


def lines_of(paired: Paired, names: tuple[str, str], wape: bool = False) -> list[Line]:
    """Every measure over all rows and on each slice. `names` are the versions' names in verdicts."""
    measures = measures_of(
        paired.kind, {str(name) for name in paired.first} & {str(name) for name in paired.second}, wape
    )
    lines: list[Line] = []
    for name, chosen in _slices(paired.first):
        first, second = paired.first[chosen], paired.second[chosen]
        classes = None
        if paired.kind == "classes":
            labels = [part[column] for part in (first, second) for column in ("actual", "predicted")]
            classes = pd.Index(pd.unique(pd.concat(labels)))
        lines += _lines(measures, name, side_of(first, classes), side_of(second, classes), names)
    return lines


def differences(
    measures: Sequence[Measure], first: Side, second: Side, seed: int = SEED, resamples: int = RESAMPLES
) -> list[tuple[float, float] | None]:
    """The percentile interval of second minus first for each measure; None when undefined on every draw.

    Both sides are judged on the same draws of blocks. Draws for which a measure is undefined are skipped.
    """
    found: list[list[Floats]] = [[] for _ in measures]
    for weights in _draws(first.blocks, len(first.block), seed, resamples):
        for measure, gains in zip(measures, found, strict=True):
            gains.append(measure.of(second, weights) - measure.of(first, weights))
    return [_interval(np.concatenate(gains)) for gains in found]


def _interval(gains: Floats) -> tuple[float, float] | None:
    known = gains[~np.isnan(gains)]
    if not len(known):
        return None
    low, high = np.quantile(known, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def _draws(blocks: int, rows: int, seed: int, resamples: int) -> Iterator[Floats]:
    """Weights [some draws, blocks]. Each draw takes `blocks` blocks with replacement."""
    rng = np.random.default_rng(seed)
    most = max(1, CELLS // max(blocks, rows))
    for start in range(0, resamples, most):
        count = min(most, resamples - start)
        drawn = rng.integers(0, blocks, (count, blocks)) + blocks * np.arange(count)[:, None]
        weights = np.bincount(drawn.reshape(-1), minlength=count * blocks).reshape(count, blocks)
        yield weights.astype(np.float64)


def _slices(rows: pd.DataFrame) -> Iterator[tuple[str, npt.NDArray[np.bool_]]]:
    """All rows, then each slice in natural order of the names."""
    yield "all", np.ones(len(rows), dtype=bool)
    names = sorted(rows["slice"].unique(), key=_natural) if "slice" in rows else []
    if len(names) > 1:
        for name in names:
            yield str(name), (rows["slice"] == name).to_numpy()


def _natural(name: str) -> list[tuple[int, float, str]]:
    parts = re.split(r"(\d+)", str(name))
    return [(0, float(part), "") if part.isdigit() else (1, 0.0, part) for part in parts]


def _lines(
    measures: Sequence[Measure], name: str, first: Side, second: Side, names: tuple[str, str]
) -> Iterator[Line]:
    rows, blocks = len(first.block), first.blocks
    whole = np.ones((1, blocks))
    too_few = ""
    if rows < LEAST_ROWS:
        too_few = f"too few rows for an interval (at least {LEAST_ROWS})"
    elif blocks < LEAST_BLOCKS:
        too_few = f"too few blocks for an interval (at least {LEAST_BLOCKS})"
    intervals = [None] * len(measures) if too_few else differences(measures, first, second)
    for measure, interval in zip(measures, intervals, strict=True):
        one, other = (float(measure.of(side, whole)[0]) for side in (first, second))
        yield Line(
            metric=measure.name,
            slice=name,
            rows=rows,
            blocks=blocks,
            first=_known(one),
            second=_known(other),
            difference=_known(other - one),
            low=interval[0] if interval else None,
            high=interval[1] if interval else None,
            better=measure.better,
            verdict=_verdict(measure, other - one, interval, too_few, names),
        )


def _verdict(
    measure: Measure, difference: float, interval: tuple[float, float] | None, too_few: str, names: tuple[str, str]
) -> str:
    if math.isnan(difference):
        return "undefined on these rows"
    if interval is None:
        return too_few or "undefined on every draw"
    low, high = interval
    if low <= 0 <= high:
        return "no difference shown"
    if measure.better == "nominal":
        return f"{names[1]} is {'higher' if low > 0 else 'lower'}"
    return f"{names[1] if (low > 0) == (measure.better == 'higher') else names[0]} is better"


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None
