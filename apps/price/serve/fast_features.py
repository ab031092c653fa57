"""The features of `features.compute`, bit for bit the same, in a third of the time for a single question.

A NumPy call on a few numbers costs as much as one on hundreds. Similar quantities therefore lie side by side in
one scratch table (see `cells`), one call fills a whole block of it, and a final gather collects the model's
columns from the blocks. docs/adr/0024-price-features.md has the figures and says when to delete this module.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from apps.price.schema import MAX_HORIZON
from apps.price.serve.cells import BLOCKS, CELL, LEFT, LEVELS, MEANS, ORDER, RECENT, RIGHT, WIDTH
from apps.price.serve.columns import DEFAULT_GAP, MIDDLE, SPANS, WINDOW
from apps.price.serve.seasons import HARVEST, place_in_year
from apps.price.serve.windows import ARRIVALS, BEYOND, DAYS, Windows, one_form

__all__ = ["AT_ONCE", "compute"]

Floats = npt.NDArray[np.float64]

AT_ONCE = 128
"""Rows computed together, few enough for the working set to stay in the processor's cache."""

DAY, PRICE, REFERENCE, ARRIVAL, PREMIUM, MOVE, GAP, STEP, RATIO, STEP_SQUARE, RATIO_SQUARE = range(11)
"""The series. The first four are those of `Windows.series`; all from `ARRIVAL` on are averaged."""

_PLUS = np.zeros((4, 1, 1))
_PLUS[ARRIVALS] = 1.0
_RECENT = np.array(RECENT)
_MEDIAN = CELL[f"median_{MIDDLE}"]
_SERIES_STARTS = np.arange(AT_ONCE)[:, None] * (BEYOND + 1)
_CELL_STARTS = np.arange(AT_ONCE)[:, None] * WIDTH
_EARLIER = np.minimum(np.arange(MAX_HORIZON + 1)[:, None] + np.arange(BEYOND + 1), BEYOND)
"""[horizon, lag]: the lag `horizon` trading days earlier; `BEYOND` if it is outside the window."""
_COUNTS = np.array([np.nan, *range(1, WINDOW + 1)])
"""Divisors of sums; the mean of nothing is NaN."""


def _bounds(spans: tuple[int, ...]) -> npt.NDArray[np.intp]:
    """Return bounds for `ufunc.reduceat`: every other result is a span's. The last span ends with the window."""
    return np.array([bound for span in spans for bound in (0, span)][:-1], dtype=np.intp)


_SPANS, _RANGES = _bounds(SPANS), _bounds(SPANS[1:])


def _choices() -> npt.NDArray[np.intp]:
    """Return, by trading days known, the cells of the middle two latest prices, and of the usual gap in days."""
    known = np.arange(WINDOW + 1)
    few, first = np.minimum(known, MIDDLE), BLOCKS["latest"].start
    gap = np.where(known > 1, CELL["gap_30"], CELL["default_gap"])
    return np.stack((first + np.maximum(few - 1, 0) // 2, first + few // 2, gap), axis=1)


_CHOICES = _choices()


def compute(windows: Windows) -> npt.NDArray[np.float32]:
    """Return the features of every window, FP32 [n, F] in the order of `FEATURES`."""
    count = len(windows.horizon)
    if count > AT_ONCE:
        starts = range(0, count, AT_ONCE)
        return np.concatenate([compute(windows.rows(slice(start, start + AT_ONCE))) for start in starts])
    series = _series(windows)
    cells = np.empty((count, WIDTH))
    _levels(series, cells)
    known = _means(series[ARRIVAL:], cells)
    _ranges(series[RATIO], cells)
    np.subtract(cells.take(LEFT, axis=1), cells.take(RIGHT, axis=1), out=cells[:, BLOCKS["differences"]])
    gap = _median(known, cells)
    _calendar(windows, gap, cells)
    cells[:, CELL["horizon"]] = windows.horizon
    cells[:, BLOCKS["optional"]] = windows.optional
    return one_form(cells.take(ORDER, axis=1).astype(np.float32))


def _series(windows: Windows) -> Floats:
    """Return [11, n, 91] in lag order: days, logs of prices, references and arrivals, and derived series.

    The last column of every series is NaN, so lags beyond the window give NaN.
    """
    count = len(windows.horizon)
    series = np.empty((RATIO_SQUARE + 1, count, BEYOND + 1))
    np.add(windows.series, _PLUS, series[:PREMIUM])
    logs = series[PRICE:PREMIUM]
    np.log(logs, logs)
    prices = series[PRICE]
    np.subtract(prices, series[REFERENCE], series[PREMIUM])
    np.subtract(prices, prices[:, :1], series[RATIO])
    earlier = _EARLIER.take(windows.horizon, axis=0)
    earlier += _SERIES_STARTS[:count]
    np.subtract(prices, prices.take(earlier), series[MOVE])
    # Differences of days and prices over one flat array; the NaN column separates the rows.
    flat, size = series.reshape(-1), prices.size
    np.subtract(flat[: 2 * size - 1], flat[1 : 2 * size], flat[GAP * size : RATIO * size - 1])
    series[STEP, -1:, BEYOND] = np.nan
    absolute = series[MOVE:RATIO]
    np.abs(absolute, absolute)
    squared = series[STEP:STEP_SQUARE]
    np.multiply(squared, squared, series[STEP_SQUARE:])
    return series


def _levels(series: Floats, cells: Floats) -> None:
    """Fill single days and the sorted latest prices; NaN comes last."""
    levels = cells[:, BLOCKS["levels"]].reshape(len(cells), len(LEVELS), len(RECENT))
    levels[...] = series[: len(LEVELS)].take(_RECENT, axis=2).swapaxes(0, 1)
    latest = cells[:, BLOCKS["latest"]]
    np.multiply(series[RATIO, :, :MIDDLE], 0.5, out=latest)
    latest.sort(axis=1)


def _means(series: Floats, cells: Floats) -> npt.NDArray[np.int8]:
    """Fill means over `SPANS` and derived cells; set missing values to zero. Returns the days known, [n]."""
    present = series == series
    np.copyto(series, 0.0, where=~present)
    means = cells[:, BLOCKS["means"]].reshape(len(cells), len(MEANS), len(_SPANS)).swapaxes(0, 1)
    np.add.reduceat(series, _SPANS, axis=2, out=means)
    # One byte holds a count up to 127, and counting bytes is several times as fast as counting floats.
    counts = np.add.reduceat(present.view(np.int8), _SPANS, axis=2, dtype=np.int8)
    np.divide(means, _COUNTS.take(counts), out=means)
    mean, roots = cells[:, BLOCKS["mean"]], cells[:, BLOCKS["roots"]]
    cells[:, BLOCKS["spread"]] -= mean * mean
    np.maximum(roots, 0.0, roots)
    np.sqrt(roots, roots)
    np.fmax(cells[:, CELL["move_30"]], cells[:, CELL["move_90"]], cells[:, CELL["dispersion"]])
    known: npt.NDArray[np.int8] = counts[RATIO - ARRIVAL, :, -1]
    np.divide(counts[0, :, 2], counts[RATIO - ARRIVAL, :, 2], cells[:, CELL["arrival_reported"]])
    cells[:, CELL["observations"]] = known
    return known


def _ranges(ratio: Floats, cells: Floats) -> None:
    """Fill lowest and highest price. Zeros of unknown days do not matter, because the latest price is also 0."""
    np.minimum.reduceat(ratio, _RANGES, axis=1, out=cells[:, BLOCKS["low"]])
    np.maximum.reduceat(ratio, _RANGES, axis=1, out=cells[:, BLOCKS["high"]])


def _median(known: npt.NDArray[np.int8], cells: Floats) -> Floats:
    """Fill the median of the latest prices; return the calendar days per trading day to assume, [n]."""
    cells[:, CELL["default_gap"]] = DEFAULT_GAP
    places = _CHOICES.take(known, axis=0)
    places += _CELL_STARTS[: len(cells)]
    found = cells.take(places)
    np.add(found[:, 0], found[:, 1], out=cells[:, _MEDIAN])
    return found[:, 2]


def _calendar(windows: Windows, gap: Floats, cells: Floats) -> None:
    """Fill weekday, month, position in the year and harvest season of the last day and the expected target day."""
    last = windows.series[DAYS, :, 0]
    cells[:, BLOCKS["now"]] = place_in_year(last.astype(np.intp))
    target = last + np.rint(gap * windows.horizon)
    then = place_in_year(target.astype(np.intp))
    cells[:, BLOCKS["then"]] = then
    cells[:, CELL["harvest"]] = HARVEST[windows.crop, then[:, 1].astype(np.intp)]
