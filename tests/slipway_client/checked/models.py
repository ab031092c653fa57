"""Types of the models of a Slipway gateway.

Written by `python -m slipway_client.generate`; run it again when models change. With a model's name in capitals, a
type checker knows what it takes and gives:

    client.predict(TOY, question)
"""

from __future__ import annotations

from typing import NotRequired, TypedDict

from slipway_client import Model

__all__ = [
    "TOY",
    "Answer",
    "Day",
    "Explanation",
    "Question",
]


class Day(TypedDict):
    # INR per quintal (> 0, <= 1000000.0).
    price: float
    note: NotRequired[str]


class Question(TypedDict):
    # Trading days ahead (>= 1, <= 30).
    horizon: int
    # items >= 1, items <= 400
    history: list[Day]
    # length >= 1, length <= 40
    market: NotRequired[str]


class Answer(TypedDict):
    price: float


class Explanation(TypedDict):
    parts: dict[str, float]


TOY: Model[Question, Answer, Explanation] = Model("toy")
