"""Convert tidy tables to the rows for fitting and evaluation: one per market, day and horizon."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from apps.price.schema import STATES
from apps.price.serve.columns import OPTIONAL, WINDOW
from apps.price.serve.features import compute
from apps.price.serve.seasons import crop_of
from apps.price.serve.windows import ARRIVALS, BEYOND, DAYS, PRICES, REFERENCES, Windows
from training.errors import DataError

__all__ = ["HORIZONS", "Examples", "examples", "hide_some", "longest_gap"]

HORIZONS = (1, 2, 3, 5, 7, 10, 14, 21, 30)
"""Sampled horizons in trading days; the model interpolates between them."""

_FIELDS = tuple(name for names in OPTIONAL.values() for name in names)
_SERIES = {PRICES: "price", REFERENCES: "reference", ARRIVALS: "arrival"}
_UNIX_EPOCH = 719163


@dataclass(frozen=True)
class Examples:
    """Features and later prices, row by row."""

    features: npt.NDArray[np.float32]
    table: pd.DataFrame
    """commodity, market, horizon, day and target_day (ordinals), last, actual, history (trading days known)."""

    @property
    def target(self) -> npt.NDArray[np.float32]:
        """log(actual / last)."""
        actual, last = (self.table[name].to_numpy(dtype=np.float64) for name in ("actual", "last"))
        ratio: npt.NDArray[np.float64] = np.log(actual / last)
        return ratio.astype(np.float32)

    def at(self, chosen: npt.NDArray[Any]) -> Examples:
        """Select rows."""
        return Examples(self.features[chosen], self.table[chosen].reset_index(drop=True))


def longest_gap(horizon: int) -> int:
    """Return the maximum calendar days from a day to its target. After a longer gap, the market was closed."""
    return 3 * horizon + 10


def examples(
    frame: pd.DataFrame,
    since: pd.Timestamp | None = None,
    horizons: tuple[int, ...] = HORIZONS,
    hide: np.random.Generator | None = None,
    reference: bool = True,
) -> Examples:
    """Return every window of the table that ends on `since` or later and has a target in the table.

    Windows extend back before `since`. `hide` blanks parts of some windows (see `hide_some`); `reference=False`
    hides the reference price in all windows.
    """
    start = -np.inf if since is None else since.toordinal()
    blocks, tables = [], []
    for (commodity, market), series in frame.groupby(["commodity", "market"], sort=True):
        windows = _windows(series, str(commodity))
        for horizon in horizons:
            chosen, table = _targets(windows.series[DAYS, :, 0], windows.series[PRICES, :, 0], horizon, start)
            if len(chosen) == 0:
                continue
            rows = windows.rows(chosen)
            rows.horizon[:] = horizon
            if not reference:
                rows.series[REFERENCES] = np.nan
            if hide is not None:
                hide_some(rows, hide)
            blocks.append(compute(rows))
            of_series = {"commodity": _repeated(commodity, chosen), "market": _repeated(market, chosen)}
            tables.append({**table, **of_series, "history": chosen + 1})
    if not blocks:
        raise DataError("no window has a target; the markets' series are too short or have too many gaps")
    columns = {name: np.concatenate([table[name] for table in tables]) for name in tables[0]}
    return Examples(np.concatenate(blocks), pd.DataFrame(columns))


def _repeated(name: object, rows: npt.NDArray[np.intp]) -> npt.NDArray[np.object_]:
    return np.full(len(rows), str(name), dtype=object)


def hide_some(windows: Windows, rng: np.random.Generator) -> None:
    """Blank data that callers often lack, in place, so that the model learns to answer without it.

    Each of these is blanked in a tenth of the windows: the reference, the arrivals, the optional groups, and all
    but a short history.
    """
    count = len(windows.horizon)
    draw = rng.random((4, count)) < 0.1
    windows.series[REFERENCES, draw[0]] = np.nan
    windows.series[ARRIVALS, draw[1]] = np.nan
    windows.optional[draw[2]] = np.nan
    keep = np.where(draw[3], rng.integers(1, WINDOW, count), WINDOW)
    windows.series[:, np.arange(BEYOND + 1) >= keep[:, None]] = np.nan


def _targets(
    days: npt.NDArray[np.float64], price: npt.NDArray[np.float64], horizon: int, start: float
) -> tuple[npt.NDArray[np.intp], dict[str, npt.NDArray[Any]]]:
    """Return rows of one series whose target, `horizon` rows later, is within the longest gap, with their columns.

    They are arrays, as a table for each of a thousand markets and horizons takes longer than the features.
    """
    ahead = days[horizon:]
    days = days[: len(ahead)]
    chosen = np.flatnonzero((ahead - days <= longest_gap(horizon)) & (days >= start))
    return chosen, {
        "horizon": np.full(len(chosen), horizon),
        "day": days[chosen].astype(np.int64),
        "target_day": ahead[chosen].astype(np.int64),
        "last": price[chosen],
        "actual": price[chosen + horizon],
    }


def _windows(series: pd.DataFrame, commodity: str) -> Windows:
    """Return one window per row of a series sorted by date."""
    count = len(series)
    # The last position of each series is unknown. Index -1 selects it, as does an index before the first row.
    values = np.full((len(_SERIES) + 1, count + 1), np.nan)
    values[DAYS, :-1] = series["date"].to_numpy().astype("datetime64[D]").astype(np.int64) + _UNIX_EPOCH
    for row, name in _SERIES.items():
        values[row, :-1] = series[name]
    index = np.maximum(np.arange(count)[:, None] - np.arange(BEYOND + 1), -1)
    index[:, BEYOND] = -1
    return Windows(
        values[:, index],
        np.zeros(count, dtype=np.intp),
        np.full(count, crop_of(commodity), dtype=np.intp),
        np.column_stack([_field(series, name) for name in _FIELDS]),
    )


def _field(series: pd.DataFrame, name: str) -> npt.NDArray[np.float64]:
    if name not in series:
        return np.full(len(series), np.nan)
    if name == "state":
        codes = series[name].map({state: float(code) for code, state in enumerate(STATES)})
        return codes.to_numpy(dtype=np.float64)
    return series[name].to_numpy(dtype=np.float64)
