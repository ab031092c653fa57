from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from apps.price.schema import EXAMPLE, GROUPS, STATES, PriceQuestion


def plain() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(msgspec.json.encode(EXAMPLE))
    return found


def decode(document: dict[str, Any]) -> PriceQuestion:
    return msgspec.json.decode(json.dumps(document), type=PriceQuestion)


def test_the_example_survives_a_round_trip() -> None:
    assert decode(plain()) == EXAMPLE


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"horizon": 0}, "$.horizon"),
        ({"horizon": 31}, "$.horizon"),
        ({"horizon": 1.5}, "$.horizon"),
        ({"commodity": ""}, "$.commodity"),
        ({"market": "x" * 65}, "$.market"),
        ({"history": []}, "$.history"),
        ({"history": [{"date": "2019-01-01", "price": 0}]}, "$.history[0].price"),
        ({"history": [{"date": "2019-01-01", "price": 1e9}]}, "$.history[0].price"),
        ({"history": [{"date": "2019-01-01", "price": "12"}]}, "$.history[0].price"),
        ({"history": [{"date": "2019-02-30", "price": 12}]}, "$.history[0].date"),
        ({"history": [{"date": "2019-01-01", "price": 12, "arrival": -1}]}, "$.history[0].arrival"),
        ({"history": [{"date": "2019-01-01", "price": 12, "reference": 0}]}, "$.history[0].reference"),
        ({"history": [{"date": "2019-01-01", "price": 12, "max": 13}]}, "$.history[0]"),
        ({"quality": {"micronaire": 11}}, "$.quality.micronaire"),
        ({"location": {"state": "Karnatak"}}, "$.location.state"),
        ({"supplier": {"credit_score": 299}}, "$.supplier.credit_score"),
        ({"indicators": {"crude": 0}}, "$.indicators.crude"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_wrong_field_is_named(change: dict[str, Any], path: str) -> None:
    with pytest.raises(msgspec.ValidationError) as raised:
        decode({**plain(), **change})
    assert path in str(raised.value)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999"])
def test_a_price_is_a_finite_number(number: str) -> None:
    text = json.dumps(plain()).replace('"price": 1180.0', f'"price": {number}')
    with pytest.raises((msgspec.DecodeError, msgspec.ValidationError)):
        msgspec.json.decode(text, type=PriceQuestion)


def test_missing_fields_are_named() -> None:
    for name in ("commodity", "market", "horizon", "history"):
        document = plain()
        del document[name]
        with pytest.raises(msgspec.ValidationError, match=name):
            decode(document)


def test_every_field_of_a_question_is_described() -> None:
    schemas = msgspec.json.schema(PriceQuestion)["$defs"]
    bare = [
        f"{struct}.{name}"
        for struct, body in schemas.items()
        for name, one in body["properties"].items()
        if "description" not in json.dumps(one) and "$ref" not in json.dumps(one) and name != "state"
    ]
    assert not bare


def test_the_groups_and_states_are_those_of_the_types() -> None:
    assert GROUPS == ("reference", "quality", "location", "supplier", "indicators")
    assert len(STATES) == len(set(STATES)) == 36
