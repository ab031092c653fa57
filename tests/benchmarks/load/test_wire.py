"""What is sent is what the doors read, and what is read is what was computed."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from tritonclient.grpc import service_pb2

from benchmarks.load.wire import WIRES, Answer
from benchmarks.setup.models import app_of, sample
from serving.edge.codec.infer import decode_infer
from serving.edge.codec.records import decode_instances

MODELS = ("autoencoder", "xgb500", "minilm")


@pytest.mark.parametrize("model", MODELS)
def test_slipways_records_are_its_questions(model: str) -> None:
    app, inputs = app_of(model), sample(model, 3)
    request = WIRES["slipway"].write(model, inputs)
    assert request.path == f"/v1/models/{model}:predict"
    questions = decode_instances(app.question, request.body, 64)
    for name, array in app.features(questions, app.context()).items():
        np.testing.assert_array_equal(array, inputs[name])


@pytest.mark.parametrize("model", MODELS)
def test_binary_tensors_are_the_inputs(model: str) -> None:
    inputs = sample(model, 64)
    request = WIRES["binary"].write(model, inputs)
    asked = decode_infer(app_of(model), request.body, request.headers["inference-header-content-length"], 64)
    assert asked.rows == 64
    for name, array in inputs.items():
        np.testing.assert_array_equal(asked.inputs[name], array)


def test_grpc_bodies_carry_a_frame() -> None:
    inputs = sample("autoencoder", 2)
    body = WIRES["grpc"].write("autoencoder", inputs).body
    assert body[:5] == b"\0" + len(body[5:]).to_bytes(4, "big")
    message = service_pb2.ModelInferRequest.FromString(body[5:])
    assert message.raw_input_contents[0] == inputs["x"].tobytes()


def test_answers_are_read() -> None:
    rows = np.arange(4, dtype=np.float32).reshape(2, 2)
    head = msgspec.json.encode({"outputs": [{"name": "output", "shape": [2, 2], "datatype": "FP32"}]})
    binary = Answer(200, {"inference-header-content-length": str(len(head))}, head + rows.tobytes())
    np.testing.assert_array_equal(WIRES["binary"].read(binary), rows)
    for name, body in (
        ("raw", b'{"e":0.5}'),
        ("slipway", b'{"predictions":[{"e":0.5}]}'),
        ("kserve", b'{"predictions":[0.5]}'),
        ("bentoml", b"[0.5]"),
        ("triton-json", b'{"outputs":[{"data":[0.5]}]}'),
    ):
        assert WIRES[name].read(Answer(200, {}, body)).tolist() == [0.5]


def test_numbers_are_sent_as_short_as_they_are() -> None:
    body = msgspec.json.decode(WIRES["raw"].write("autoencoder", sample("autoencoder", 1)).body)
    assert len(body["x"]) == 50
    assert all(len(str(abs(value))) <= 6 for value in body["x"])
