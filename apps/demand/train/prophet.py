"""Prophet: the candidate plans of a series, one fit, and Prophet's own forecast."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import numpy.typing as npt
import pandas as pd

from apps.demand.schema import Frequency
from apps.demand.serve.columns import SEASONS
from apps.demand.train.calendar import festivals

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

__all__ = [
    "AHEAD_YEARS",
    "DEFAULTS",
    "Fit",
    "Plan",
    "conditions",
    "fit",
    "fit_stored",
    "plans",
    "point",
    "quiet",
    "revive",
    "space",
    "stored",
]

Floats = npt.NDArray[np.float64]

LEAST_YEAR = 365
"""Minimum days of history for a yearly seasonality; with less, it would be spurious."""
MONTH = 30.4375
WEEKLY_ORDER = 3
AHEAD_YEARS = 2
"""Number of years after the last data for which holidays are known."""


DEFAULTS: dict[str, Any] = {
    "changepoint_prior_scale": 0.05,
    "changepoint_range": 0.8,
    "seasonality_prior_scale": 10.0,
    "holidays_prior_scale": 10.0,
}
"""Default search parameters: Prophet's own defaults."""


class Plan(msgspec.Struct, frozen=True):
    """Settings for fitting one series."""

    name: str
    mode: str = "additive"
    growth: str = "linear"
    events: bool = False
    """Holidays and festival windows, monthly seasonality, and a separate weekly seasonality per harvest season."""
    changepoint_prior_scale: float = DEFAULTS["changepoint_prior_scale"]
    changepoint_range: float = DEFAULTS["changepoint_range"]
    seasonality_prior_scale: float = DEFAULTS["seasonality_prior_scale"]
    holidays_prior_scale: float = DEFAULTS["holidays_prior_scale"]


def space() -> dict[str, BaseDistribution]:
    """Return the search space of each parameter in `DEFAULTS`."""
    from optuna.distributions import FloatDistribution

    return {
        "changepoint_prior_scale": FloatDistribution(0.001, 0.5, log=True),
        "changepoint_range": FloatDistribution(0.7, 0.95),
        "seasonality_prior_scale": FloatDistribution(0.05, 20.0, log=True),
        "holidays_prior_scale": FloatDistribution(0.05, 20.0, log=True),
    }


def plans(frequency: Frequency, chosen: Mapping[str, Any] = DEFAULTS) -> tuple[Plan, ...]:
    """Return the candidate plans for the validation origins, simplest first."""
    basic = (
        Plan("additive", **chosen),
        Plan("multiplicative", mode="multiplicative", **chosen),
        Plan("flat", growth="flat", **chosen),
    )
    if frequency == "month":
        return basic
    return (*basic, Plan("events", events=True, **chosen))


class Fit(msgspec.Struct, frozen=True):
    """Input of one fit; sent between processes."""

    days: list[int]
    """Days since 1970-01-01."""
    values: list[float]
    plan: Plan
    frequency: Frequency


def conditions(frame: pd.DataFrame) -> pd.DataFrame:
    """Return `frame` (column ds) with one boolean column per harvest season."""
    month = frame["ds"].dt.month
    return frame.assign(**{name: month.isin(months) for name, months in SEASONS.items()})


def fit(wanted: Fit) -> Any:
    """Return a fitted `Prophet`. Deterministic: the same data give the same model."""
    frame = pd.DataFrame({"ds": pd.to_datetime(wanted.days, unit="D"), "y": wanted.values})
    plan, daily = wanted.plan, wanted.frequency == "day"
    span = wanted.days[-1] - wanted.days[0]
    years = (frame["ds"].iloc[0].year, frame["ds"].iloc[-1].year + AHEAD_YEARS)
    with quiet():
        from prophet import Prophet

        model = Prophet(
            growth=plan.growth,
            seasonality_mode=plan.mode,
            yearly_seasonality=span >= LEAST_YEAR,
            weekly_seasonality=WEEKLY_ORDER if daily else False,
            daily_seasonality=False,
            holidays=festivals(*years) if plan.events else None,
            **{name: getattr(plan, name) for name in DEFAULTS},
        )
        if plan.events:
            model.add_seasonality("monthly", period=MONTH, fourier_order=3)
            for name in SEASONS:
                model.add_seasonality(f"weekly_{name}", period=7, fourier_order=2, condition_name=name)
        model.fit(conditions(frame))
    return model


def fit_stored(wanted: Fit) -> str:
    """Return a fitted model as JSON, the result of a task."""
    return stored(fit(wanted))


def stored(model: Any) -> str:
    """Serialize a fitted model to JSON."""
    with quiet():
        from prophet.serialize import model_to_json

        return str(model_to_json(model))


def revive(text: str) -> Any:
    """Load a model that `stored` serialized."""
    with quiet():
        from prophet.serialize import model_from_json

        return model_from_json(text)


def point(model: Any, days: Floats) -> tuple[Floats, Floats]:
    """Return Prophet's own yhat and multiplicative terms on `days` [n] since 1970-01-01, in any order.

    Skips the interval sampling, which takes most of the time of `Prophet.predict`.
    """
    unique, places = np.unique(days, return_inverse=True)
    frame = conditions(pd.DataFrame({"ds": pd.to_datetime(unique, unit="D")}))
    samples, model.uncertainty_samples = model.uncertainty_samples, 0
    try:
        with quiet():
            found = model.predict(frame)
    finally:
        model.uncertainty_samples = samples
    yhat, factors = (found[name].to_numpy(np.float64)[places] for name in ("yhat", "multiplicative_terms"))
    return yhat, factors


@contextmanager
def quiet() -> Iterator[None]:
    """Silence the logs and warnings of Prophet and Stan inside the block."""
    loggers = [logging.getLogger(name) for name in ("cmdstanpy", "prophet", "prophet.plot")]
    before = [(logger.level, logger.disabled) for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
        logger.disabled = True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, (level, disabled) in zip(loggers, before, strict=True):
            logger.setLevel(level)
            logger.disabled = disabled
