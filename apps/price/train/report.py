"""Metrics of a price model compared with persistence on the test period, and the app's gate."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from apps.price.schema import UNIT
from apps.price.serve.decide import OUTPUTS
from apps.price.train.windows import HORIZONS
from serving.kernel.storage.version_manifest import Check, Metric
from serving.kernel.tensors import Arrays
from training.measures.block_bootstrap import mean_gain
from training.measures.evaluate import coverage, mae, r2
from training.measures.evaluation_rows import keyed
from training.measures.gate import beats, no_worse, verdict
from training.recipe import Evaluation

__all__ = ["BUSY_DAYS", "GATED_HORIZONS", "Judged", "evaluation", "frame", "gate", "judged", "named"]

Vector = npt.NDArray[np.float64]

GATED_HORIZONS = (1, 7)
BUSY_DAYS = 500
"""Minimum number of priced days in the table for a busy market."""
BLOCK_DAYS = 14
"""Rows of the same two weeks, in all markets, are resampled together."""
COVERAGE_MARGIN = 0.03
LOWEST, HIGHEST = "lowest by chance", "highest by chance"
"""Ends of the names of slices with the 95 % interval of the coverage."""
UNIX_EPOCH = 719163
"""Proleptic Gregorian ordinal of 1970-01-01."""


@dataclass(frozen=True)
class Judged:
    """Test rows with true prices and the answers of persistence and the model, in INR per quintal."""

    horizon: npt.NDArray[np.int64]
    day: npt.NDArray[np.int64]
    busy: npt.NDArray[np.bool_]
    actual: Vector
    baseline: Vector
    predicted: Vector
    low: Vector
    high: Vector

    def at(self, chosen: npt.NDArray[np.bool_]) -> Judged:
        """Select rows."""
        return Judged(*(getattr(self, name)[chosen] for name in self.__dataclass_fields__))


def judged(table: pd.DataFrame, outputs: Arrays) -> Judged:
    """Combine the model's outputs with the true prices. `table` is that of `Examples` plus a column `busy`."""
    last = table["last"].to_numpy(dtype=np.float64)
    answers = [last * np.exp(outputs[name][:, 0].astype(np.float64)) for name in OUTPUTS]
    return Judged(
        table["horizon"].to_numpy(dtype=np.int64),
        table["day"].to_numpy(dtype=np.int64),
        table["busy"].to_numpy(dtype=bool),
        table["actual"].to_numpy(dtype=np.float64),
        last,
        *answers,
    )


def evaluation(rows: Judged, alone: Judged, seed: int) -> Evaluation:
    """Return metrics by horizon, for busy markets, and for the questions without a reference price (`alone`)."""
    metrics: list[Metric] = []
    for horizon in HORIZONS:
        part = rows.at(rows.horizon == horizon)
        if len(part.actual) == 0:
            continue
        gated = horizon in GATED_HORIZONS
        metrics += _errors(part, f"horizon {horizon}", seed)
        metrics += _interval(part, f"horizon {horizon}", seed if gated else None)
        if gated:
            metrics += _errors(part.at(part.busy), f"horizon {horizon}, busy markets", None)
            without = alone.at(alone.horizon == horizon)
            metrics += _errors(without, f"horizon {horizon}, no reference", None)
    return Evaluation(metrics=tuple(metrics), rows=frame(rows))


def named(found: Evaluation, table: pd.DataFrame) -> Evaluation:
    """Add the key and block of each row of `table`, which is that of `Examples`, in the same order."""
    days = (table["day"] - UNIX_EPOCH).to_numpy().astype("datetime64[D]")
    block = table["day"] // BLOCK_DAYS
    return keyed(found, block, table["commodity"], table["market"], days, table["horizon"])


def gate(evaluation: Evaluation, nominal: float) -> Sequence[Check]:
    """Check for significant gains over persistence at the gate's horizons, and for nominal coverage.

    At the other horizons, for which the app answers too, persistence must not be significantly better.
    """
    found = evaluation.by_slice
    checks: list[Check] = []
    for horizon in GATED_HORIZONS:
        part = f"horizon {horizon}"
        checks.append(beats(f"persistence, {part}", "MAE", found.get(("mae", part)), digits=1))
        checks.append(_covers([found.get(("coverage", one)) for one in (part, *_ends(part))], part, nominal))
    for part in (f"horizon {horizon}" for horizon in HORIZONS if horizon not in GATED_HORIZONS):
        if metric := found.get(("mae", part)):
            checks.append(no_worse(f"persistence, {part}", "MAE", metric, digits=1))
    return checks


def _errors(rows: Judged, part: str, seed: int | None) -> Iterator[Metric]:
    """Yield MAE, R2 and MAPE with persistence's; with a seed, also the bootstrap interval of the MAE gain."""
    if len(rows.actual) == 0:
        return
    low, high = _gain(rows, seed) if seed is not None else (None, None)
    measures: tuple[tuple[str, Callable[[Any, Any], float], str, str], ...] = (
        ("mae", mae, UNIT, "lower"),
        ("r2", r2, "", "higher"),
        ("mape", _mape, "%", "lower"),
    )
    for name, measure, unit, better in measures:
        yield Metric(
            name=name,
            value=measure(rows.actual, rows.predicted),
            baseline=measure(rows.actual, rows.baseline),
            slice=part,
            unit=unit,
            better=better,
            rows=len(rows.actual),
            gain_low=low if name == "mae" else None,
            gain_high=high if name == "mae" else None,
        )


def _gain(rows: Judged, seed: int) -> tuple[float | None, float | None]:
    gains = np.abs(rows.actual - rows.baseline) - np.abs(rows.actual - rows.predicted)
    try:
        return mean_gain(gains, rows.day, BLOCK_DAYS, seed)
    except ValueError:
        return None, None


def _interval(rows: Judged, part: str, seed: int | None) -> Iterator[Metric]:
    """Yield coverage and width; with a seed, also the bootstrap interval of the coverage."""
    count = len(rows.actual)
    held = coverage(rows.actual, rows.low, rows.high)
    width = float(np.median((rows.high - rows.low) / rows.baseline))
    yield Metric(name="coverage", value=held, slice=part, better="nominal", rows=count)
    yield Metric(name="width", value=width, slice=part, unit="of the last price, median", rows=count)
    if seed is None:
        return
    inside = ((rows.low <= rows.actual) & (rows.actual <= rows.high)).astype(np.float64)
    with suppress(ValueError):  # the test part is too short for an interval
        ends = mean_gain(inside, rows.day, BLOCK_DAYS, seed)
        for end, name in zip(ends, _ends(part), strict=True):
            yield Metric(name="coverage", value=end, slice=name, better="nominal", rows=count)


def _mape(actual: Vector, predicted: Vector) -> float:
    """Return the mean absolute percentage error; prices are far enough from zero."""
    return float((np.abs(actual - predicted) / actual).mean() * 100)


def frame(rows: Judged) -> pd.DataFrame:
    """Return the rows as `Evaluation.rows`."""
    return pd.DataFrame(
        {
            "actual": rows.actual,
            "predicted": rows.predicted,
            "baseline": rows.baseline,
            "low": rows.low,
            "high": rows.high,
            "slice": [f"horizon {horizon}" for horizon in rows.horizon],
            "horizon": rows.horizon,
        }
    )


def _ends(part: str) -> tuple[str, str]:
    return f"{part}, {LOWEST}", f"{part}, {HIGHEST}"


def _covers(metrics: Sequence[Metric | None], part: str, nominal: float) -> Check:
    """Check the coverage, which varies by chance where there are few days."""
    low, high = nominal - COVERAGE_MARGIN, nominal + COVERAGE_MARGIN
    held, lowest, highest = (metric.value if metric else float("nan") for metric in metrics)
    inside = low <= held <= high or (lowest <= high and low <= highest)
    return verdict(
        f"coverage, {part}",
        inside,
        measured=f"{held:.3f}, by chance {lowest:.3f} to {highest:.3f}",
        required=f"{low:.2f} to {high:.2f}, or an interval that reaches it",
        failure=f"the interval should hold {nominal:.2f} and holds {held:.3f} of the test prices",
    )
