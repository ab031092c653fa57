"""Convert scores to a ranking: the rules, the threshold, and the reasons in words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from apps.matching.schema import (
    Availability,
    Match,
    MatchAnswer,
    MatchContext,
    MatchQuestion,
    MatchRule,
    Rejected,
    Requirement,
)
from apps.matching.serve.features import distance
from serving.kernel.tensors import Arrays

__all__ = ["broken_rule", "decide"]


def decide(questions: Sequence[MatchQuestion], outputs: Arrays, context: MatchContext) -> list[MatchAnswer]:
    """Return one ranking per question. Equal scores keep the given order; a NaN score comes last."""
    rows = zip(questions, outputs["score"], strict=True)
    return [_answer(question, scores, context.threshold) for question, scores in rows]


def broken_rule(one: Requirement, other: Availability) -> MatchRule | None:
    """Return the rule that excludes the pair. An omitted field never breaks a rule."""
    if one.commodity and other.commodity and one.commodity.casefold() != other.commodity.casefold():
        return "commodity"
    if one.unit and other.unit and one.unit != other.unit:
        return "unit"
    return None


def _answer(question: MatchQuestion, scores: npt.NDArray[np.float32], threshold: float) -> MatchAnswer:
    wanted, offers = question.requirement, question.availabilities or ()
    allowed, rejected = [], []
    for index, availability in enumerate(offers):
        rule = broken_rule(wanted, availability)
        if rule is None:
            allowed.append(index)
        else:
            rejected.append(Rejected(id=availability.id, rule=rule))
    known = np.nan_to_num(scores[allowed].astype(np.float64), nan=0.0)
    # Rank by the displayed scores. Scores that differ only by rounding in a runtime keep the given order.
    best = np.argsort(-known.round(4), kind="stable")[: question.top]
    matches = tuple(_match(wanted, offers[allowed[place]], float(known[place]), threshold) for place in best)
    return MatchAnswer(
        matches=matches,
        rejected=tuple(rejected),
        score=matches[0].score if matches else 0.0,
        threshold=threshold,
    )


def _match(wanted: Requirement, offered: Availability, score: float, threshold: float) -> Match:
    # Compare before rounding, because the threshold is not rounded.
    return Match(
        id=offered.id,
        score=round(score, 4),
        accepted=score >= threshold,
        quantity=_quantity(wanted, offered),
        price=_price(wanted, offered),
        quality=_quality(wanted, offered),
        place=_place(wanted, offered),
    )


def _quantity(wanted: Requirement, offered: Availability) -> str | None:
    if wanted.quantity is None or offered.quantity is None:
        return None
    if offered.quantity >= wanted.quantity:
        return f"{offered.quantity:g} offered, enough for {wanted.quantity:g}"
    return f"{offered.quantity:g} offered, {wanted.quantity - offered.quantity:g} short of {wanted.quantity:g}"


def _price(wanted: Requirement, offered: Availability) -> str | None:
    if wanted.price is None or offered.price is None:
        return None
    above = offered.price / wanted.price - 1
    if abs(above) < 0.0005:
        return f"{offered.price:g}, the price in mind"
    return f"{offered.price:g}, {abs(above):.1%} {'above' if above > 0 else 'below'} {wanted.price:g}"


def _quality(wanted: Requirement, offered: Availability) -> str | None:
    if wanted.quality is None or offered.quality is None:
        return None
    verdict = "meets" if offered.quality >= wanted.quality else "is below"
    return f"{offered.quality:g} {verdict} {wanted.quality:g}"


def _place(wanted: Requirement, offered: Availability) -> str | None:
    if wanted.place is None or offered.place is None:
        return None
    return f"{distance(wanted.place, offered.place):.0f} km away"
