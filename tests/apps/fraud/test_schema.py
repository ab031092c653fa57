from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from apps.fraud.schema import EXAMPLE, MAX_FEATURES, FraudQuestion


def decode(record: dict[str, Any]) -> FraudQuestion:
    return msgspec.json.decode(json.dumps(record), type=FraudQuestion)


def test_the_example_survives_a_round_trip() -> None:
    assert decode(msgspec.to_builtins(EXAMPLE)) == EXAMPLE


@pytest.mark.parametrize(
    "features",
    [
        {},
        {"": 1},
        {"x" * 65: 1},
        {"amount": "12"},
        {"amount": True},
        {"amount": 1e31},
        {"amount": float("nan")},
        {"amount": float("inf")},
        {f"f{number}": 1 for number in range(MAX_FEATURES + 1)},
        [1, 2],
    ],
)
def test_what_is_no_record_is_refused(features: Any) -> None:
    with pytest.raises((msgspec.ValidationError, msgspec.DecodeError)):
        decode({"features": features})


def test_a_wrong_value_is_named() -> None:
    with pytest.raises(msgspec.ValidationError, match=r"\$\.features\[\.\.\.\]"):
        decode({"features": {"amount": "12"}})
