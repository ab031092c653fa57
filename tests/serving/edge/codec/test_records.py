from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.edge.codec.records import decode_instances, encode_records
from serving.kernel.errors import Invalid, Malformed, TooLarge
from tests.serving.edge.toy import Answer, Day, Question

days = st.builds(Day, st.floats(0, 1e6, exclude_min=True), st.text())
questions = st.builds(
    Question, st.integers(1, 30), st.lists(days, min_size=1, max_size=4), st.text(min_size=1, max_size=40)
)


@given(st.lists(questions, min_size=1, max_size=4))
def test_round_trip(given_: list[Question]) -> None:
    assert decode_instances(Question, msgspec.json.encode({"instances": given_}), 10) == given_


@given(st.binary(max_size=200))
def test_any_bytes_are_answered_with_our_errors(raw: bytes) -> None:
    with pytest.raises((Malformed, Invalid)):
        decode_instances(Question, raw, 10)


def test_limits() -> None:
    raw = msgspec.json.encode({"instances": [Question(1, [Day(1.0)])] * 3})
    assert len(decode_instances(Question, raw, 3)) == 3
    with pytest.raises(TooLarge, match="3 instances; at most 2"):
        decode_instances(Question, raw, 2)
    with pytest.raises(Invalid, match="at least 1"):
        decode_instances(Question, b'{"instances":[]}', 2)


def test_answers() -> None:
    body = msgspec.json.decode(encode_records("predictions", [Answer(float("nan"))], "toy", 3, "r-1"))
    assert body == {
        "predictions": [{"price": None}],
        "model_name": "toy",
        "model_version": "3",
        "request_id": "r-1",
    }
