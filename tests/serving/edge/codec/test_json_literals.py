from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.edge.codec.json_literals import spell_out

texts = st.text() | st.sampled_from(["NaN", "Infinity", "-Inf", '"', "\\", '\\"NaN', "a\\\\", "In", "N"])
values = st.recursive(
    st.floats() | st.integers() | st.none() | st.booleans() | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=20,
)


def spelled(value: Any) -> Any:
    """What a value is after its literals are spelled out."""
    if isinstance(value, dict):
        return {key: spelled(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [spelled(inner) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value


def refuse(name: str) -> None:
    raise AssertionError(f"{name} is left")


@given(values, st.booleans())
def test_literals_become_json_and_strings_stay_as_they_are(value: Any, ascii_only: bool) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    made = spell_out(text)
    kept = text if made is None else made
    assert json.loads(kept.decode("utf-8", "surrogatepass"), parse_constant=refuse) == spelled(value)


@pytest.mark.parametrize(
    ("text", "made"),
    [
        (b"[Inf,-Inf,Infinity,-Infinity,NaN]", b'["Infinity","-Infinity","Infinity","-Infinity",null]'),
        (b'{"NaN":NaN}', b'{"NaN":null}'),
        (b"[1,2]", None),
        (b"[NaN\0]", None),
        (b'["NaN"', b'["NaN"'),
    ],
)
def test_each_form(text: bytes, made: bytes | None) -> None:
    assert spell_out(text) == made
