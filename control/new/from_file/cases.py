"""`golden/requests.json` of a new app: what must hold for every version."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from control.new.from_file.fields import bounds, example
from control.new.from_file.kinds import Kind
from control.new.from_file.plan import Plan

__all__ = ["cases", "example_question"]

MOVED = 3
"""Columns that are moved together to see the answer move: the first ones, which matter most in synthetic data."""
LOW, HIGH = 0.1, 0.9
EXTRA = 3
"""Past values of the example beyond those that a forecast reads."""
ORDINARY = "the order was long and the team had some more time"


def example_question(plan: Plan) -> dict[str, Any]:
    """A question in the middle of the ranges, as JSON has it."""
    if plan.kind is Kind.TEXT and plan.text is not None:
        return {plan.text.field: f"{ORDINARY} signal5"}
    given: dict[str, Any] = {}
    if plan.steps is not None and plan.time is not None and plan.period is not None:
        if plan.steps.series is not None:
            given[plan.steps.series.field] = plan.steps.names[0]
        last = plan.period[1]
        given[plan.time.field] = f"{last:%Y-%m-%d}" if plan.steps.whole_days else f"{last:%Y-%m-%dT%H:%M:%S}"
        given["past"] = _past(plan)
    return given | {column.field: example(column) for column in (*plan.numbers, *plan.categories)}


def cases(plan: Plan) -> str:
    """The cases as JSON."""
    question = example_question(plan)
    measure = f"probabilities[{plan.classes[-1]!r}]" if plan.classes else "value"
    if plan.kind is Kind.TEXT and plan.text is not None:
        found = _text_cases(plan.text.field, measure)
    elif plan.kind is Kind.FORECAST:
        found = _forecast_cases(plan, question, measure)
    else:
        found = _table_cases(plan, question, measure)
    return json.dumps(found, indent=2, ensure_ascii=False) + "\n"


def _case(
    name: str, kind: str, question: Mapping[str, Any], changed: Mapping[str, Any], **expect: Any
) -> dict[str, Any]:
    return {"name": name, "kind": kind, "question": question, "changed": changed, "expect": expect}


def _named(question: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The cases of every app whose questions may have a name."""
    return [
        _case("the caller's name for the row does not matter", "invariance", question, {"reference": "row 7"}),
        _case("a blank name is refused", "refused", question, {"reference": " "}, path="[0].reference"),
    ]


def _table_cases(plan: Plan, question: dict[str, Any], measure: str) -> list[dict[str, Any]]:
    moved = (*plan.numbers, *plan.categories)[:MOVED]
    low = question | {column.field: example(column, LOW) for column in moved}
    high = {column.field: example(column, HIGH) for column in moved}
    # The rule of the synthetic data; on your own data, say what must hold there.
    direction = _case(
        "the first columns raise the answer, as in the synthetic data",
        "direction",
        low,
        high,
        measure=measure,
        relation="greater",
    )
    return [*_named(question), direction]


def _text_cases(text: str, measure: str) -> list[dict[str, Any]]:
    low, high = (f"{ORDINARY} {words}" for words in ("signal0 signal1 signal0", "signal11 signal10 signal11"))
    moved = {"measure": measure, "relation": "greater"}
    return [
        _case("upper case does not matter", "invariance", {text: low}, {text: low.upper()}),
        _case(
            "signal words move the answer, as in the synthetic data",
            "direction",
            {text: low},
            {text: high},
            **moved,
        ),
        _case("a text without a word is refused", "refused", {text: low}, {text: "..."}, path=f"[0].{text}"),
    ]


def _forecast_cases(plan: Plan, question: dict[str, Any], measure: str) -> list[dict[str, Any]]:
    step = 0.05 * (plan.target.high - plan.target.low)
    higher = [float(f"{value + step:.6g}") for value in question["past"]]
    moved = {"measure": measure, "relation": "greater"}
    found = [
        *_named(question),
        _case("higher past values give a higher forecast", "direction", question, {"past": higher}, **moved),
    ]
    if plan.steps is not None and plan.steps.series is not None:
        name = plan.steps.series.field
        other = {name: "no such series"}
        found.append(_case("an unknown series is refused", "refused", question, other, path=f"[0].{name}"))
    return found


def _past(plan: Plan) -> list[float]:
    assert plan.steps is not None  # noqa: S101 - for the type checker; the caller looked
    low, high = plan.target.low, plan.target.high
    least, most = bounds(plan.target)
    shares = [0.5 + 0.05 * math.sin(1.3 * place) for place in range(plan.steps.lags + EXTRA)]
    return [min(max(float(f"{low + share * (high - low):.6g}"), least), most) for share in shares]
