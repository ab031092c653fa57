"""Made-up questions and windows for the price app's tests."""

from __future__ import annotations

import datetime
from typing import Any

import numpy as np
from hypothesis import strategies as st

from apps.price.schema import (
    GROUPS,
    STATES,
    Indicators,
    Location,
    Observation,
    PriceContext,
    PriceQuestion,
    Quality,
    Supplier,
)
from apps.price.serve.windows import ARRIVALS, BEYOND, DAYS, PRICES, REFERENCES, Windows

CONTEXT = PriceContext(
    commodities=("onion", "tomato"), groups=GROUPS, typical=(0.1,) * 30, reach=((1.0, 1.0),) * 30
)
FIRST = datetime.date(2015, 1, 1)


def question(prices: list[float], gaps: list[int] | None = None, **fields: Any) -> PriceQuestion:
    """A question with these prices, one observation every `gaps` days, arrivals and references throughout."""
    steps = gaps or [1] * len(prices)
    day, history = FIRST, []
    for number, (price, step) in enumerate(zip(prices, steps, strict=True)):
        day += datetime.timedelta(days=step)
        history.append(Observation(date=day, price=price, arrival=float(number % 7), reference=price * 0.9 + 50))
    given = {"commodity": "onion", "market": "Anandpur", "horizon": 7, "history": tuple(history)}
    return PriceQuestion(**{**given, **fields})


prices = st.floats(50, 50_000)


def maybe(low: float, high: float) -> st.SearchStrategy[float | None]:
    return st.none() | st.floats(low, high, exclude_min=low == 0)


groups: dict[str, st.SearchStrategy[Any]] = {
    "quality": st.builds(Quality, staple_length=maybe(10, 60), strength=maybe(5, 100)),
    "location": st.builds(Location, port_distance=maybe(0, 4000), state=st.none() | st.sampled_from(STATES)),
    "supplier": st.builds(Supplier, credit_score=maybe(300, 900), trades=st.none() | st.integers(0, 10_000_000)),
    "indicators": st.builds(Indicators, world_index=maybe(0, 10_000), crude=maybe(0, 1000)),
}


@st.composite
def questions(draw: st.DrawFn, least: int = 1, most: int = 120) -> PriceQuestion:
    """Questions with any length of history, gaps and missing fields."""
    count = draw(st.integers(least, most))
    seed = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    steps = seed.integers(1, draw(st.sampled_from([2, 4, 40])), count)
    days = [FIRST + datetime.timedelta(days=int(day)) for day in steps.cumsum()]
    level = draw(prices)
    moves = level * np.exp(seed.normal(0, 0.1, count).cumsum().clip(-3, 3))
    hidden = seed.random((2, count)) < draw(st.sampled_from([0.0, 0.3, 1.0]))
    return PriceQuestion(
        commodity=draw(st.sampled_from(CONTEXT.commodities)),
        market="Anandpur",
        horizon=draw(st.integers(1, 30)),
        history=tuple(
            Observation(
                date=day,
                price=float(price),
                arrival=None if hide[0] else float(seed.integers(0, 500)),
                reference=None if hide[1] else float(price * seed.uniform(0.5, 2)),
            )
            for day, price, hide in zip(days, moves, hidden.T, strict=True)
        ),
        **{group: draw(st.none() | made) for group, made in groups.items()},
    )


def full_windows(count: int, seed: int = 0) -> Windows:
    """Windows with nothing missing."""
    rng = np.random.default_rng(seed)
    series = np.full((4, count, BEYOND + 1), np.nan)
    series[DAYS, :, :BEYOND] = 736_000.0 - rng.integers(1, 4, (count, BEYOND)).cumsum(axis=1)
    series[PRICES, :, :BEYOND] = rng.uniform(200, 5000, (count, BEYOND))
    series[REFERENCES, :, :BEYOND] = rng.uniform(200, 5000, (count, BEYOND))
    series[ARRIVALS, :, :BEYOND] = rng.uniform(0, 500, (count, BEYOND))
    return Windows(series, rng.integers(1, 31, count), rng.integers(0, 3, count), rng.uniform(0, 1, (count, 12)))
