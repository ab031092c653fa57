"""Convert model outputs to prices. Only this module converts log ratios to money and rounds the result."""

from __future__ import annotations

import datetime
import math
from bisect import bisect_left
from collections.abc import Callable, Sequence
from operator import attrgetter

import msgspec

from apps.price.schema import Observation, PriceAnswer, PriceContext, PriceQuestion
from serving.kernel.tensors import Arrays

__all__ = ["OUTPUTS", "decide", "last_of", "rupees"]

OUTPUTS = ("log_ratio", "log_low", "log_high")
"""Names of the model's outputs, each log(price / last price), FP32 [n, 1]."""

LIMIT = 20.0
"""Maximum plausible log ratio: e^20 exceeds any price."""

_date: Callable[[Observation], datetime.date] = attrgetter("date")


def decide(questions: Sequence[PriceQuestion], outputs: Arrays, context: PriceContext) -> list[PriceAnswer]:
    """Return one answer per question, with low <= price <= high."""
    point, low, high = (outputs[name].reshape(-1).tolist() for name in OUTPUTS)
    rows = zip(questions, point, low, high, strict=True)
    return [_answer(*row, context) for row in rows]


def last_of(question: PriceQuestion) -> Observation:
    """Return the latest observation of a history in any order."""
    return max(question.history, key=_date)


def rupees(last: float, log_ratio: float) -> float:
    """Return the price in INR, unrounded."""
    return last * math.exp(min(max(log_ratio, -LIMIT), LIMIT))


def _answer(question: PriceQuestion, point: float, low: float, high: float, context: PriceContext) -> PriceAnswer:
    last = last_of(question)
    return PriceAnswer(
        commodity=question.commodity,
        market=question.market,
        horizon=question.horizon,
        price=round(rupees(last.price, point), 2),
        low=round(rupees(last.price, min(low, point)), 2),
        high=round(rupees(last.price, max(high, point)), 2),
        coverage=context.coverage,
        last_date=last.date,
        last_price=last.price,
        market_known=_knows(context.markets, question.market),
    )


def _knows(markets: tuple[str, ...], market: str) -> bool | msgspec.UnsetType:
    """Whether the market is one of the training data. There may be thousands, so this is a binary search."""
    if not markets:
        return msgspec.UNSET
    place = bisect_left(markets, market)
    return place < len(markets) and markets[place] == market
