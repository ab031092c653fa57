from __future__ import annotations

import json
import math
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slipway_client import BadAnswer, Invalid
from slipway_client.core.json_text import decode_object, encode_instances


class Plan(Enum):
    BASIC = "basic"


@dataclass
class Row:
    a: int
    b: float


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (math.nan, None),
        (np.float32("nan"), None),
        (pd.NA, None),
        (pd.NaT, None),
        (np.datetime64("NaT"), None),
        (np.float32(0.5), 0.5),
        (np.int64(7), 7),
        (np.bool_(True), True),
        (np.array([[1, 2]]), [[1, 2]]),
        (np.array([1.0, math.nan]), [1.0, None]),
        (np.array(["2026-01-02"], "M8[D]"), ["2026-01-02"]),
        (date(2026, 1, 2), "2026-01-02"),
        (datetime(2026, 1, 2, 3), "2026-01-02T03:00:00"),
        (pd.Timestamp("2026-01-02"), "2026-01-02T00:00:00"),
        (Decimal("1.5"), 1.5),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (Plan.BASIC, "basic"),
        (Row(1, math.nan), {"a": 1, "b": None}),
        ((1, 2), [1, 2]),
        ("é", "é"),
    ],
)
def test_values_as_json(value: Any, text: Any) -> None:
    # Beside a NaN, every value takes the slower way too.
    for row in ({"x": value}, {"x": value, "y": math.nan}):
        found = json.loads(encode_instances([row]))["instances"][0]
        assert found["x"] == text and found.get("y") is None


@pytest.mark.parametrize(
    ("rows", "field", "message"),
    [
        ([{"a": 1}, {"a": math.inf}], "$.instances[1].a", "must be a finite number"),
        ([[1, -math.inf]], "$.instances[0][1]", "must be a finite number"),
        ([{"a": b"x"}], "rows", "bytes"),
        ([{"a": math.nan, "b": b"x"}], "$.instances[0].b", "bytes"),
        ([{"a": {1, 2}}], "rows", "set"),
        ([{(1, 2): 3}], "rows", "tuple"),
    ],
)
def test_what_json_cannot_express_is_refused(rows: list[Any], field: str, message: str) -> None:
    with pytest.raises(Invalid, match=message) as found:
        encode_instances(rows)
    assert found.value.field == field


def test_rows_that_contain_themselves_are_refused() -> None:
    row: list[Any] = []
    row.append(row)
    with pytest.raises(Invalid, match="must not contain themselves"):
        encode_instances([row])


numbers = st.floats(allow_infinity=False) | st.integers() | st.booleans() | st.none() | st.text()
values = st.recursive(numbers, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=10)


def without_nan(value: Any) -> Any:
    if isinstance(value, list):
        return [without_nan(item) for item in value]
    if isinstance(value, dict):
        return {key: without_nan(item) for key, item in value.items()}
    return None if isinstance(value, float) and math.isnan(value) else value


@settings(max_examples=40)
@given(st.lists(values, max_size=4))
def test_every_row_arrives_as_it_is_with_null_for_nan(rows: list[Any]) -> None:
    assert json.loads(encode_instances(rows))["instances"] == without_nan(rows)


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff", b"[" * 100_000, b"null"])
def test_an_answer_that_is_no_object_is_refused(body: bytes) -> None:
    with pytest.raises(BadAnswer) as found:
        decode_object(body, "id")
    assert found.value.request_id == "id"
