from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given

from serving.edge.codec import envelopes
from serving.edge.codec.envelopes import Envelopes
from serving.edge.codec.infer import decode_infer
from serving.kernel.errors import ClientError, Malformed
from serving.kernel.tensors import to_wire
from tests.serving.edge.codec.tensors import app_of, assert_same, tensors
from tests.serving.edge.toy import toy


def body(datatype: str, array: npt.NDArray[Any], **more: Any) -> tuple[bytes, str]:
    raw = bytes(to_wire(datatype, array))
    tensor = {
        "name": "x",
        "datatype": datatype,
        "shape": array.shape,
        "parameters": {"binary_data_size": len(raw)},
    }
    text = msgspec.json.encode({"inputs": [tensor], **more})
    return text + raw, str(len(text))


def toy_body(rows: int = 1, value: float = 1.0, **more: Any) -> tuple[bytes, str]:
    raw, length = body("FP32", np.full((rows, 2), value, np.float32), **more)
    return raw.replace(b'"x"', b'"features"'), str(int(length) + len("features") - 1)


@given(tensors())
def test_a_known_envelope_gives_what_a_new_one_gives(tensor: tuple[str, npt.NDArray[Any]]) -> None:
    datatype, array = tensor
    app, known = app_of(datatype, array.ndim), Envelopes()
    more = {"id": "7", "outputs": [{"name": "x", "parameters": {"binary_data": True}}]}
    raw, length = body(datatype, array, **more)
    fresh = decode_infer(app, raw, length, 100)
    for _ in range(2):
        asked = decode_infer(app, raw, length, 100, known)
        assert_same(asked.inputs["x"], array)
        assert (asked.outputs, asked.binary, asked.id, asked.rows) == (
            fresh.outputs,
            fresh.binary,
            fresh.id,
            fresh.rows,
        )
    other = array[::-1]
    raw, again = body(datatype, other, **more)
    if again == length and datatype != "BYTES":
        assert_same(decode_infer(app, raw, again, 100, known).inputs["x"], other)


def test_other_bytes_behind_a_known_envelope_are_checked_again() -> None:
    known = Envelopes()
    raw, length = toy_body()
    decode_infer(toy, raw, length, 10, known)
    assert known.find(toy, raw[: int(length)], len(raw) - int(length)) is not None
    for wrong in (raw[:-1], raw + b"\0"):
        with pytest.raises(Malformed, match="bytes are left"):
            decode_infer(toy, wrong, length, 10, known)
    flag = app_of("BOOL", 2)
    raw, length = body("BOOL", np.array([[True, False]]))
    decode_infer(flag, raw, length, 10, known)
    with pytest.raises(Malformed, match="0 or 1, got 2"):
        decode_infer(flag, raw[:-1] + b"\2", length, 10, known)


def test_an_envelope_is_of_one_model() -> None:
    known = Envelopes()
    raw, length = body("FP32", np.ones((1, 2), np.float32))
    decode_infer(app_of("FP32", 2), raw, length, 10, known)
    for other in (toy, app_of("INT8", 2), app_of("FP32", 3)):
        with pytest.raises(ClientError):
            decode_infer(other, raw, length, 10, known)


def test_only_what_is_all_bytes_and_short_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    known = Envelopes()
    inline = msgspec.json.encode({"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 1], "data": [2.5]}]})
    assert decode_infer(app_of("FP32", 2), inline, str(len(inline)), 10, known).inputs["x"] == 2.5
    long, length = toy_body(id="7" * envelopes.LONGEST)
    decode_infer(toy, long, length, 10, known)
    assert not known._known
    monkeypatch.setattr(envelopes, "MOST", 3)
    for number in range(10):
        raw, length = toy_body(value=float(number), id=str(number))
        asked = decode_infer(toy, raw, length, 10, known)
        assert asked.inputs["features"].tolist() == [[number, number]]
        assert len(known._known) <= 3
