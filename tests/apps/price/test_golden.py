from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from apps.price.app import app
from apps.price.schema import PriceAnswer, PriceQuestion
from tests.apps.price.tables import fitted

CASES: list[dict[str, Any]] = [
    case for case in json.loads((app.folder / "golden" / "requests.json").read_text()) if case["kind"] != "refused"
]


def answer(document: dict[str, Any]) -> PriceAnswer:
    _, made = fitted()
    asked = [msgspec.convert(document, PriceQuestion, strict=False)]
    outputs = made.predict(app.features(asked, made.context))  # type: ignore[arg-type]
    return app.decide(asked, outputs, made.context)[0]  # type: ignore[arg-type]


def measure(name: str, found: PriceAnswer) -> float:
    amount = found.price if name == "price / last_price" else found.high - found.low
    return amount / found.last_price


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["name"]))
def test_golden_pairs_hold_for_a_trained_model(case: dict[str, Any]) -> None:
    first, second = answer(case["question"]), answer({**case["question"], **case["changed"]})
    expect = case["expect"]
    if case["kind"] == "direction":
        before, after = (measure(expect["measure"], one) for one in (first, second))
        assert after > before if expect["relation"] == "greater" else after < before
        return
    factor = expect.get("factor", 1.0)
    for name in ("price", "low", "high"):
        assert getattr(second, name) == pytest.approx(getattr(first, name) * factor, rel=1e-4)


def test_all_kinds_are_there() -> None:
    assert {case["kind"] for case in CASES} == {"scale", "invariance", "direction"}
