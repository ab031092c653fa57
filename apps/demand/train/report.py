"""Metrics of a backtest compared with seasonal-naive, and the gate's checks."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from apps.demand.train.data import Schedule
from serving.kernel.storage.version_manifest import Check, Metric
from training.measures import evaluate
from training.measures.block_bootstrap import mean_gain
from training.measures.conformal import factor
from training.measures.evaluation_rows import with_keys
from training.measures.gate import beats, no_worse, verdict
from training.recipe import Evaluation

__all__ = ["COVERAGE_MARGIN", "choose", "evaluation", "gate", "judged_rows", "level_at", "wapes"]

LOWEST_LEVEL = 0.5
HIGHEST_LEVEL = 0.998
"""Range of levels of Prophet's interval; beyond it, the tails are unreliable."""
FLAT = "beside a flat forecast"
"""End of the name of a slice whose baseline is the mean of the latest seasons."""
COVERAGE_MARGIN = 0.1
"""Largest allowed difference between measured and nominal coverage over the longest horizon."""


def wapes(rows: pd.DataFrame, column: str = "predicted") -> pd.Series[float]:
    """Return the WAPE of each series and origin, in percent."""
    groups = rows.groupby(["series", "origin"])
    return groups[["actual", column]].apply(
        lambda part: evaluate.wape(part["actual"].to_numpy(), part[column].to_numpy())
    )


def choose(rows: pd.DataFrame) -> dict[str, str]:
    """Return each series' plan with the lowest mean WAPE over the validation origins; the first wins ties."""
    order = list(dict.fromkeys(rows["plan"]))
    found = {}
    for name, part in rows.groupby("series"):
        scores = {plan: float(wapes(part[part["plan"] == plan]).mean()) for plan in order}
        found[str(name)] = min(order, key=lambda plan: scores[plan])
    return found


def level_at(rows: pd.DataFrame, schedule: Schedule, origin: int, share: float) -> float:
    """Return the level at which Prophet's interval covered a `share` of the true values known at `origin`.

    At origin 0, all true values are known. Only forecasts from the four preceding origins count, pooled over all
    series.
    """
    known = rows["origin"].isin(schedule.setting(origin)) & (rows["origin"] - rows["step"] >= origin)
    needed = rows.loc[known, "needed"].to_numpy()
    return float(np.clip(factor(needed, np.ones(len(needed)), share), LOWEST_LEVEL, HIGHEST_LEVEL))


def judged_rows(rows: pd.DataFrame, schedule: Schedule, horizon: int) -> pd.DataFrame:
    """Return the steps up to `horizon` from the six origins that evaluate it."""
    return rows[(rows["step"] <= horizon) & rows["origin"].isin(schedule.origins(horizon))]


def evaluation(rows: pd.DataFrame, schedule: Schedule, seed: int) -> Evaluation:
    """Return the metrics of each horizon and the rows of the longest horizon."""
    metrics = [
        metric
        for horizon in schedule.horizons
        for metric in _metrics(
            judged_rows(rows, schedule, horizon), f"{horizon} {schedule.frequency}s", schedule, seed
        )
    ]
    longest = judged_rows(rows, schedule, schedule.steps)
    shown = pd.DataFrame(
        {
            "actual": longest["actual"],
            "predicted": longest["predicted"],
            "baseline": longest["baseline"],
            "slice": longest["series"],
        }
    ).reset_index(drop=True)
    # Forecasts of the same days are correlated, whatever their origin.
    block = _steps(longest["date"], schedule) // schedule.block
    keyed = with_keys(shown, block, longest["series"], longest["date"].dt.date, longest["step"])
    return Evaluation(metrics=tuple(metrics), rows=keyed, kind="values")


def gate(evaluation: Evaluation, coverage: float) -> Sequence[Check]:
    """Check for a gain over seasonal-naive (significant at the longest horizon) and for coverage.

    Seasonal-naive repeats the noise of the last season, so any steady forecast gains over it where there is only
    noise. A flat forecast must therefore not be significantly better than the version.
    """
    found = evaluation.by_slice
    parts = [metric.slice for metric in evaluation.metrics if metric.name == "skill"]
    checks = [beats(f"seasonal-naive, {parts[-1]}", "WAPE", found["wape", parts[-1]], digits=2)]
    checks += [_skill(found["skill", part]) for part in parts]
    checks += [
        no_worse(f"a flat forecast, {part}", "WAPE", found["wape", _flat(part)], digits=2) for part in parts
    ]
    return [*checks, _holds(found["coverage", parts[-1]], coverage)]


def _metrics(rows: pd.DataFrame, part: str, schedule: Schedule, seed: int) -> list[Metric]:
    model, naive = wapes(rows), wapes(rows, "baseline")
    low, high = _interval(rows, "baseline", schedule, seed)
    actual, predicted, baseline = (rows[name].to_numpy() for name in ("actual", "predicted", "baseline"))
    common: dict[str, Any] = {"slice": part, "rows": len(rows)}
    percent: dict[str, Any] = {**common, "unit": "%"}
    held = float((rows["needed"] <= rows["level"]).mean())
    ours, naives = ((float(one.mean()), float(one.max())) for one in (model, naive))
    skill = 1 - ours[0] / naives[0] if 0 < naives[0] < np.inf else float("nan")
    metrics = [
        Metric(name="wape", value=ours[0], baseline=naives[0], gain_low=low, gain_high=high, **percent),
        Metric(name="wape_worst", value=ours[1], baseline=naives[1], **percent),
        Metric(name="skill", value=skill, better="higher", **common),
        evaluate.beside("mae", evaluate.mae, actual, predicted, baseline, part),
        Metric(name="coverage", value=held, better="nominal", **common),
    ]
    metrics.append(_beside_flat(rows, part, schedule, seed))
    with suppress(ValueError):  # undefined if values near zero would dominate it
        metrics.append(evaluate.beside("mape", evaluate.mape, actual, predicted, baseline, part, "%"))
    return metrics


def _beside_flat(rows: pd.DataFrame, part: str, schedule: Schedule, seed: int) -> Metric:
    low, high = _interval(rows, "flat", schedule, seed)
    return Metric(
        name="wape",
        value=float(wapes(rows).mean()),
        baseline=float(wapes(rows, "flat").mean()),
        slice=_flat(part),
        unit="%",
        rows=len(rows),
        gain_low=low,
        gain_high=high,
    )


def _flat(part: str) -> str:
    return f"{part}, {FLAT}"


def _interval(rows: pd.DataFrame, other: str, schedule: Schedule, seed: int) -> tuple[float, float]:
    return mean_gain(_gains(rows, other), _steps(rows["date"], schedule), schedule.block, seed)


def _gains(rows: pd.DataFrame, other: str) -> npt.NDArray[np.float64]:
    """Return the reduction in absolute error in percent of mean demand, which gives all series the same weight."""
    size = rows.groupby(["series", "origin"])["actual"].transform("mean").to_numpy()
    error, naive = ((rows["actual"] - rows[name]).abs().to_numpy() for name in ("predicted", other))
    gains: npt.NDArray[np.float64] = (naive - error) / np.where(size > 0, size, 1.0) * 100
    return gains


def _steps(dates: pd.Series[pd.Timestamp], schedule: Schedule) -> npt.NDArray[np.int64]:
    if schedule.frequency == "month":
        return np.asarray(dates.dt.year * 12 + dates.dt.month, dtype=np.int64)
    return np.asarray((dates - pd.Timestamp(0)).dt.days, dtype=np.int64)


def _skill(metric: Metric) -> Check:
    return verdict(
        f"skill, {metric.slice}",
        metric.value > 0,
        measured=f"{metric.value:.3f}",
        required="above 0",
        failure=f"seasonal-naive has the lower WAPE over {metric.slice}",
    )


def _holds(metric: Metric, coverage: float) -> Check:
    return verdict(
        f"coverage, {metric.slice}",
        abs(metric.value - coverage) <= COVERAGE_MARGIN,
        measured=f"{metric.value:.3f}",
        required=f"{coverage:g} within {COVERAGE_MARGIN:g}",
        failure=f"the interval holds {metric.value:.3f} of the true values over {metric.slice}",
    )
