"""The price app's features once more, one by one and as their names say: what the fast ones must equal."""

from __future__ import annotations

import datetime
import math
from collections.abc import Sequence

import numpy as np

from apps.price.schema import STATES, PriceContext, PriceQuestion
from apps.price.serve.columns import LAGS, OPTIONAL, REFERENCE_LAGS, SPANS, WINDOW
from apps.price.serve.seasons import SEASONS

NAN = math.nan


def plainly(question: PriceQuestion, context: PriceContext) -> dict[str, float]:
    """Feature name to value, NaN where it is not known."""
    recent = sorted(question.history, key=lambda seen: seen.date, reverse=True)[:WINDOW]
    prices = [math.log(seen.price / recent[0].price) for seen in recent]
    arrivals = [NAN if seen.arrival is None else math.log1p(seen.arrival) for seen in recent]
    hidden = "reference" not in context.groups
    references = [
        NAN if hidden or seen.reference is None else math.log(seen.reference / recent[0].price) for seen in recent
    ]
    dates = [seen.date for seen in recent]
    found = {"horizon": question.horizon, "observations": len(recent)}
    found |= _prices(prices, question.horizon)
    found |= _arrivals(arrivals)
    found |= _references(prices, references)
    found |= _calendar(dates, question)
    for group, names in OPTIONAL.items():
        given = getattr(question, group) if group in context.groups else None
        found |= {name: _number(getattr(given, name, None)) for name in names}
    return found


def _prices(prices: list[float], horizon: int) -> dict[str, float]:
    returns = [late - early for late, early in zip(prices, prices[1:], strict=False)]
    moves = [abs(late - early) for late, early in zip(prices, prices[horizon:], strict=False)]
    # The early end of a move lies in the window: as many moves are missing as the horizon is long.
    found = {
        "median_5": float(np.median(prices[:5])),
        "dispersion": float(np.fmax(_mean(moves[:30]), _mean(moves))),
        **{f"momentum_{lag}": -_at(prices, lag) for lag in LAGS},
        **{f"low_{span}": min(prices[:span]) for span in SPANS[1:]},
        **{f"high_{span}": max(prices[:span]) for span in SPANS[1:]},
    }
    for span in SPANS:
        found[f"mean_{span}"] = _mean(prices[:span])
        found[f"spread_{span}"] = float(np.std(prices[:span]))
        found[f"volatility_{span}"] = math.sqrt(_mean([one * one for one in returns[:span]]))
        found[f"turbulence_{span}"] = _mean([abs(one) for one in returns[:span]])
    return found


def _arrivals(arrivals: list[float]) -> dict[str, float]:
    month = arrivals[:30]
    return {
        "arrival": arrivals[0],
        "arrival_reported": float(np.isfinite(month).sum()) / len(month),
        **{f"arrival_{span}": arrivals[0] - _mean(arrivals[:span]) for span in SPANS},
    }


def _references(prices: list[float], references: list[float]) -> dict[str, float]:
    premium = [price - reference for price, reference in zip(prices, references, strict=True)]
    return {
        "reference": references[0],
        **{f"premium_{span}": premium[0] - _mean(premium[:span]) for span in SPANS},
        **{f"reference_momentum_{lag}": references[0] - _at(references, lag) for lag in REFERENCE_LAGS},
    }


def _calendar(dates: list[datetime.date], question: PriceQuestion) -> dict[str, float]:
    gaps = [float((late - early).days) for late, early in zip(dates, dates[1:], strict=False)]
    pace = _mean(gaps[:30]) if gaps else 1.25
    target = dates[0] + datetime.timedelta(days=round(pace * question.horizon))
    season = SEASONS.get(question.commodity, SEASONS["general"])
    found = {
        "gap": _at(gaps, 0),
        "gap_7": _mean(gaps[:7]),
        "gap_30": _mean(gaps[:30]),
        "weekday": dates[0].weekday(),
        "month": dates[0].month,
        "target_month": target.month,
        "harvest": season[target.month - 1],
    }
    for name, day in (("year", dates[0]), ("target", target)):
        angle = 2 * math.pi * (day.timetuple().tm_yday - 1) / 365.25
        found |= {f"{name}_sin": math.sin(angle), f"{name}_cos": math.cos(angle)}
    return found


def _mean(values: Sequence[float]) -> float:
    known = [value for value in values if not math.isnan(value)]
    return math.fsum(known) / len(known) if known else NAN


def _at(values: Sequence[float], place: int) -> float:
    return values[place] if place < len(values) else NAN


def _number(value: object) -> float:
    if isinstance(value, str):
        return STATES.index(value)
    return float(value) if isinstance(value, (int, float)) else NAN
