"""Convert windows of past trading days to model features. Training and serving call the same pure functions.

Every price feature is a log ratio to the latest price, so multiplying all prices by a constant changes nothing.
Sums run along each row in a fixed order. Features of a row are therefore independent of other rows, bit for bit.
Arrays are [rows, lags], with the latest day at lag 0 and NaN for unknown values.

This module defines the features, and training computes them here. Requests use `fast_features`, which gives the
same bits; a test compares the two. To change a feature, change it here and let `encode` call `compute`. Then
change or delete the fast version.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from apps.price.schema import PriceContext, PriceQuestion
from apps.price.serve import fast_features
from apps.price.serve.columns import DEFAULT_GAP, FEATURES, LAGS, MIDDLE, OPTIONAL, REFERENCE_LAGS, SPANS
from apps.price.serve.seasons import HARVEST, place_in_year
from apps.price.serve.windows import BEYOND, DAYS, Windows, fill, one_form
from serving.kernel.tensors import Arrays

__all__ = ["compute", "encode"]

Floats = npt.NDArray[np.float64]
Columns = dict[str, npt.NDArray[np.generic]]
"""Feature name to its value in every row, [n]."""

OPTIONAL_FIELDS = [name for names in OPTIONAL.values() for name in names]


def encode(questions: Sequence[PriceQuestion], context: PriceContext) -> Arrays:
    """Convert questions to the model's input `features`, FP32 [n, F].

    Raises `Invalid` if the version does not serve the commodity, and if a date is repeated or too early.
    """
    # Gives the same numbers as `compute`, bit for bit, in a third of the time for a single question.
    return {"features": fast_features.compute(fill(questions, context))}


def compute(windows: Windows) -> npt.NDArray[np.float32]:
    """Return the features of every window, FP32 [n, F] in the order of `FEATURES`."""
    days, prices, references, arrivals = windows.series
    prices, references, arrivals = np.log(prices), np.log(references), np.log1p(arrivals)
    ratios, premiums = prices - prices[:, :1], prices - references
    gaps, returns = days[:, :-1] - days[:, 1:], prices[:, :-1] - prices[:, 1:]
    means = _means(
        ratio=ratios[:, :-1],
        ratio_square=np.square(ratios[:, :-1]),
        return_size=np.abs(returns),
        return_square=np.square(returns),
        move=_moves(prices, windows.horizon)[:, :-1],
        arrival=arrivals[:, :-1],
        premium=premiums[:, :-1],
        gap=gaps,
    )
    known = np.count_nonzero(days == days, axis=1)
    columns: Columns = {
        "horizon": windows.horizon,
        "observations": known,
        **_prices(ratios, known, means),
        **_arrivals(arrivals, known, means),
        **_references(references, premiums, means),
        **_calendar(windows, gaps, means),
        **dict(zip(OPTIONAL_FIELDS, windows.optional.T, strict=True)),
    }
    features = np.empty((len(FEATURES), len(days)), dtype=np.float32)
    for row, name in enumerate(FEATURES):
        features[row] = columns[name]
    return one_form(np.ascontiguousarray(features.T))


def _means(**series: Floats) -> dict[str, Floats]:
    """Return by series the mean of known values of the latest `SPANS` days, [spans, n]; NaN if none is known."""
    stacked = np.array(list(series.values()))
    known = stacked == stacked
    values = np.where(known, stacked, 0.0)
    sums = np.array([values[..., :span].sum(axis=-1) for span in SPANS])
    counts = np.array([np.count_nonzero(known[..., :span], axis=-1) for span in SPANS])
    means = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
    return dict(zip(series, means.swapaxes(0, 1), strict=True))


def _moves(prices: Floats, horizon: npt.NDArray[np.intp]) -> Floats:
    """Return absolute log moves over the number of trading days in the horizon."""
    rows = np.arange(len(prices))[:, None]
    earlier = np.minimum(np.arange(BEYOND + 1) + horizon[:, None], BEYOND)
    moves: Floats = np.abs(prices - prices[rows, earlier])
    return moves


def _named(name: str, values: Floats, numbers: Sequence[int] = SPANS) -> Columns:
    """Name each row of `values` `<name>_<number>`."""
    return {f"{name}_{number}": row for number, row in zip(numbers, values, strict=True)}


def _prices(ratios: Floats, known: npt.NDArray[np.intp], means: Mapping[str, Floats]) -> Columns:
    mean = means["ratio"]
    # Rounding can make a tiny variance negative.
    variance = np.maximum(means["ratio_square"] - mean * mean, 0.0)
    return {
        f"median_{MIDDLE}": _median(ratios[:, :MIDDLE], np.minimum(known, MIDDLE)),
        "dispersion": np.fmax(means["move"][1], means["move"][2]),
        **_named("momentum", -ratios[:, LAGS].T, LAGS),
        **{f"low_{span}": np.fmin.reduce(ratios[:, :span], axis=1) for span in SPANS[1:]},
        **{f"high_{span}": np.fmax.reduce(ratios[:, :span], axis=1) for span in SPANS[1:]},
        **_named("mean", mean),
        **_named("spread", np.sqrt(variance)),
        **_named("volatility", np.sqrt(means["return_square"])),
        **_named("turbulence", means["return_size"]),
    }


def _median(values: Floats, known: npt.NDArray[np.intp]) -> Floats:
    """Return the median of the first `known` values of each row; the others are NaN."""
    ordered, rows = np.sort(values, axis=1), np.arange(len(values))
    middle: Floats = (ordered[rows, (known - 1) // 2] + ordered[rows, known // 2]) / 2
    return middle


def _arrivals(arrivals: Floats, known: npt.NDArray[np.intp], means: Mapping[str, Floats]) -> Columns:
    month = arrivals[:, :30]
    return {
        "arrival": arrivals[:, 0],
        "arrival_reported": np.count_nonzero(month == month, axis=1) / np.minimum(known, 30),
        **_named("arrival", arrivals[:, 0] - means["arrival"]),
    }


def _references(references: Floats, premiums: Floats, means: Mapping[str, Floats]) -> Columns:
    changes = references[:, :1] - references[:, REFERENCE_LAGS]
    return {
        "reference": -premiums[:, 0],
        **_named("premium", premiums[:, 0] - means["premium"]),
        **_named("reference_momentum", changes.T, REFERENCE_LAGS),
    }


def _calendar(windows: Windows, gaps: Floats, means: Mapping[str, Floats]) -> Columns:
    """Return columns for the last day and the target day, which the usual gap between trading days estimates."""
    last, month_gap = windows.series[DAYS, :, 0], means["gap"][1]
    gap = np.where(np.isnan(month_gap), DEFAULT_GAP, month_gap)
    target = last + np.rint(gap * windows.horizon)
    weekday, month, year_sin, year_cos = place_in_year(last.astype(np.intp)).T
    _, target_month, target_sin, target_cos = place_in_year(target.astype(np.intp)).T
    return {
        "gap": gaps[:, 0],
        "gap_7": means["gap"][0],
        "gap_30": month_gap,
        "weekday": weekday,
        "month": month,
        "year_sin": year_sin,
        "year_cos": year_cos,
        "target_sin": target_sin,
        "target_cos": target_cos,
        "target_month": target_month,
        "harvest": HARVEST[windows.crop, target_month.astype(np.intp)],
    }
