"""Tables of the parameters of fitted Prophet models, one row per series; the graph is built from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from apps.demand.serve.columns import SEASONS
from apps.demand.train.interval import reach, spread_of
from apps.demand.train.prophet import conditions

__all__ = ["GRID", "Tables", "effect_names", "step_size", "tables"]

Floats = npt.NDArray[np.float64]

GRID = 17
"""Values of |1 + multiplicative terms| for which half-widths are tabled."""
WIDEST = 3.0
DAY = pd.Timedelta(days=1)
SEPARATOR = "_delim_"
MODES = ("additive", "multiplicative")
Wave = tuple[float, int, str]
"""Period in days, order, and season (or none)."""
ALWAYS = ("", *SEASONS)


@dataclass(frozen=True, kw_only=True)
class Tables:
    """Parameters of `s` series, `c` changepoints, `w` waves and `e` holiday effects, in Prophet's own scales."""

    start: Floats
    """[s] first day, as days since 1970-01-01."""
    span: Floats
    """[s] number of days per unit of Prophet's time."""
    scale: Floats
    """[s] demand per unit of Prophet's scale."""
    slope: Floats
    """[s]"""
    offset: Floats
    """[s]"""
    changes: Floats
    """[s, c] times of the changepoints; 0 if a series has fewer."""
    deltas: Floats
    """[s, c] slope changes at the changepoints."""
    frequencies: Floats
    """[w] turns per day."""
    seasons: npt.NDArray[np.int64]
    """[w] 0 for waves of the whole year, otherwise the position in `SEASONS`, from 1."""
    additive: Floats
    """[s, 2 w] weights of the sines, then of the cosines."""
    multiplicative: Floats
    """[s, 2 w] the same for multiplicative terms."""
    additive_events: Floats
    """[s, e + 1] effects, preceded by a zero."""
    multiplicative_events: Floats
    """[s, e + 1] the same for multiplicative terms."""
    widest: Floats
    """[s] largest |1 + multiplicative terms| of the half-width table."""
    reach: Floats
    """[s, steps + 1, GRID] half-widths of the interval; the last axis goes from 0 to `widest`."""


def effect_names(models: Sequence[Any]) -> tuple[str, ...]:
    """Return Prophet's names of all holiday effects of the models, sorted."""
    names = {name for model in models for name in _weights(model)[0] if _is_effect(model, name)}
    return tuple(sorted(names))


def step_size(model: Any, steps: int, monthly: bool) -> float:
    """Return one step in the time of a fitted model: a day, or the mean length of the next `steps` months."""
    last = model.history["ds"].max()
    days = ((last + pd.DateOffset(months=steps)) - last).days / steps if monthly else 1.0
    return float(pd.Timedelta(days=days) / model.t_scale)


def tables(models: Sequence[Any], levels: Sequence[float], steps: int, monthly: bool) -> Tables:
    """Return the tables of fitted models (linear or flat growth, no MCMC), with intervals of `levels`."""
    waves = sorted({wave for model in models for wave in _waves(model)})
    changes, deltas = _changes(models)
    weights = {mode: _mode(models, mode, waves) for mode in MODES}
    (_, additive_events), (_, multiplicative_events) = weights.values()
    seasonal = weights["multiplicative"][0]
    widest = 1 + np.abs(seasonal).sum(axis=1) + np.abs(multiplicative_events).sum(axis=1)
    # The effects never all occur on one day; using their sum would make the grid too coarse.
    widest = np.minimum(widest, WIDEST)
    return Tables(
        start=np.array([(pd.Timestamp(model.start) - pd.Timestamp(0)) / DAY for model in models]),
        span=np.array([model.t_scale / DAY for model in models]),
        scale=np.array([float(model.y_scale) for model in models]),
        slope=np.array([float(np.nanmean(m.params["k"])) if m.growth == "linear" else 0.0 for m in models]),
        offset=np.array([float(np.nanmean(model.params["m"])) for model in models]),
        changes=changes,
        deltas=deltas,
        frequencies=np.array([order / period for period, order, _ in waves]),
        seasons=np.array([ALWAYS.index(season) for _, _, season in waves], dtype=np.int64),
        additive=weights["additive"][0],
        multiplicative=seasonal,
        additive_events=additive_events,
        multiplicative_events=multiplicative_events,
        widest=widest,
        reach=np.stack(
            [
                _reach(model, level, steps, step_size(model, steps, monthly), top)
                for model, level, top in zip(models, levels, widest, strict=True)
            ]
        ),
    )


def _changes(models: Sequence[Any]) -> tuple[Floats, Floats]:
    """Return the times and slope changes of the changepoints, each [s, c]; a flat trend has none."""
    count = max(len(model.changepoints_t) for model in models)
    changes, deltas = (np.zeros((len(models), count)) for _ in range(2))
    for place, model in enumerate(models):
        if model.growth == "linear":
            changes[place, : len(model.changepoints_t)] = model.changepoints_t
            deltas[place, : len(model.changepoints_t)] = np.nanmean(model.params["delta"], axis=0)
    return changes, deltas


def _mode(models: Sequence[Any], mode: str, waves: list[Wave]) -> tuple[Floats, Floats]:
    """Return the weights of one mode: waves [s, 2 w] and holiday effects [s, e + 1]."""
    names = effect_names(models)
    weights = np.zeros((len(models), 2 * len(waves)))
    events = np.zeros((len(models), len(names) + 1))
    for place, model in enumerate(models):
        beta = dict(zip(*_weights(model, mode), strict=True))
        events[place, 1:] = [beta.get(name, 0.0) for name in names]
        for column, value in _wave_weights(model, beta, waves):
            weights[place, column] += value
    return weights, events


def _reach(model: Any, level: float, steps: int, step: float, widest: float) -> Floats:
    spread = spread_of(model, step)
    if widest == 1:
        return np.repeat(reach(spread, steps, np.ones(1), level), GRID, axis=1)
    return reach(spread, steps, np.linspace(0, widest, GRID), level)


def _weights(model: Any, mode: str = "") -> tuple[list[str], Floats]:
    """Return the column names of Prophet's design matrix and their weights; with `mode`, others get zero."""
    frame = model.setup_dataframe(conditions(model.history[["ds"]].copy()))
    features, _, components, _ = model.make_all_seasonality_features(frame)
    beta = np.nanmean(model.params["beta"], axis=0)
    if mode:
        beta = beta * components[f"{mode}_terms"].to_numpy()
    return [str(name) for name in features.columns], beta


def _is_effect(model: Any, name: str) -> bool:
    base = name.rpartition(SEPARATOR)[0]
    return bool(base) and base not in model.seasonalities


def _waves(model: Any) -> list[Wave]:
    """Return the period, order and season of each pair of columns."""
    return [
        (float(seasonality["period"]), order, seasonality["condition_name"] or "")
        for seasonality in model.seasonalities.values()
        for order in range(1, seasonality["fourier_order"] + 1)
    ]


def _wave_weights(model: Any, beta: dict[str, float], waves: list[Wave]) -> list[tuple[int, float]]:
    """Return the wave table's column and the weight; Prophet numbers columns sine, cosine, sine, ... from 1."""
    found = []
    for name, seasonality in model.seasonalities.items():
        for order in range(1, seasonality["fourier_order"] + 1):
            season = seasonality["condition_name"] or ""
            wave = waves.index((float(seasonality["period"]), order, season))
            found.append((wave, beta[f"{name}{SEPARATOR}{2 * order - 1}"]))
            found.append((len(waves) + wave, beta[f"{name}{SEPARATOR}{2 * order}"]))
    return found
