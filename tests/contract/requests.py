"""`golden/requests.json` of an app: an array of cases that hold for every version of it.

    {"name": "more rain raises the level", "kind": "direction", "question": {...}, "changed": {"rain": 40},
     "expect": {"measure": "level", "relation": "greater"}}

`changed` are the fields of the question that are replaced in the second one; questions must be ones that a version
trained on the app's own synthetic data serves. Kinds and what they expect:

    invariance   {}                                  every number of both answers is the same
    scale        {"fields": [...], "factor": k}      those fields of the second answer are k times the first's
    direction    {"measure": m, "relation": r}       m of the second answer is `greater` or `less`; m is an
                                                     expression of the answer's fields: "price / last_price"
    refused      {"path": "[0].site"}                the features refuse the second question, at this path
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from tests.trained import AnyApp

TOLERANCE = 1e-4
"""Relative: answers are rounded and scores are FP32."""


class Expect(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    fields: tuple[str, ...] = ()
    factor: float = 1.0
    measure: str = ""
    relation: Literal["greater", "less"] = "greater"
    path: str = ""


class Case(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    name: str
    kind: Literal["invariance", "scale", "direction", "refused"]
    question: dict[str, Any]
    changed: dict[str, Any]
    expect: Expect

    def questions(self, app: AnyApp) -> list[Any]:
        """The first and the second question, read as the doors read them."""
        records = (self.question, {**self.question, **self.changed})
        return [msgspec.json.decode(msgspec.json.encode(record), type=app.question) for record in records]

    def broken(self, first: Any, second: Any) -> str:
        """How two answers break the relation; empty if they stand in it."""
        if self.kind == "direction":
            before, after = msgspec.to_builtins(first), msgspec.to_builtins(second)
            low, high = _measure(self.expect.measure, before), _measure(self.expect.measure, after)
            if self.expect.relation == "less":
                low, high = high, low
            return "" if high > low else f"{self.expect.measure}: {before}, then {after}"
        return same_numbers(first, second, self.expect.fields, self.expect.factor)


def same_numbers(first: Any, second: Any, fields: tuple[str, ...] = (), factor: float = 1.0) -> str:
    """Which number (default: of all) of the second answer is not `factor` times the first's; empty if none."""
    before, after = msgspec.to_builtins(first), msgspec.to_builtins(second)
    for name in fields or [name for name, value in before.items() if isinstance(value, (int, float))]:
        if abs(after[name] - factor * before[name]) > TOLERANCE * abs(factor * before[name]):
            return f"{name}: {before[name]}, then {after[name]}"
    return ""


def load_cases(app: AnyApp) -> tuple[Case, ...]:
    return msgspec.json.decode((app.folder / "golden" / "requests.json").read_bytes(), type=tuple[Case, ...])


def _measure(expression: str, answer: dict[str, Any]) -> float:
    return float(eval(expression, {"__builtins__": {}}, answer))
