from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import pytest

from serving.edge.doors.v2 import TensorDoor
from serving.edge.request_life import Request, Response
from serving.kernel.call import Call
from tests.serving.edge.conftest import Server
from tests.serving.edge.toy import Recorder, ToyPlane
from tests.serving.edge.wire import ask, post

INFER = "/v2/models/toy/infer"


def get(server: Server, path: str) -> tuple[int, Any]:
    status, _, body = ask(server.http, f"GET {path} HTTP/1.1\r\nhost: x\r\n\r\n".encode())
    return status, json.loads(body)


def request(**more: Any) -> bytes:
    tensor = {"name": "features", "datatype": "FP32", "shape": [2, 2], "data": [[1, 2], [3, 4]]}
    return json.dumps({"inputs": [tensor], **more}).encode()


def test_infer(server: Server) -> None:
    status, headers, body = ask(server.http, post(request(id="mine"), INFER))
    assert status == 200 and headers["x-model-version"] == "3"
    assert json.loads(body) == {
        "model_name": "toy",
        "model_version": "3",
        "id": "mine",
        "outputs": [{"name": "total", "datatype": "FP32", "shape": [2, 1], "data": [3.0, 7.0]}],
    }
    assert headers["x-request-id"] == "mine"


def test_the_header_wins_over_the_bodys_id(server: Server) -> None:
    _, headers, body = ask(server.http, post(request(id="mine"), INFER, x_request_id="header"))
    assert headers["x-request-id"] == "header" and json.loads(body)["id"] == "mine"
    _, headers, body = ask(server.http, post(request(), INFER))
    assert json.loads(body)["id"] == headers["x-request-id"]


def test_a_model_that_is_removed_while_it_answers_has_its_answer() -> None:
    plane = ToyPlane()

    async def infer() -> Response:
        door = TensorDoor(plane)
        call = Call("mine", time.monotonic() + 60)
        asked = Request(Recorder(), call, "POST", 0.0, params={"model": "toy"}, body=request())
        outputs = await door.ask(asked)
        plane.removed.add("toy")
        return door.answer(asked, outputs)

    found = json.loads(asyncio.run(infer()).body)
    assert (found["model_name"], found["model_version"], found["outputs"][0]["data"]) == ("toy", "3", [3.0, 7.0])


def test_binary_output(server: Server) -> None:
    raw = request(parameters={"binary_data_output": True})
    _, headers, body = ask(server.http, post(raw, "/v2/models/toy/versions/2/infer"))
    length = int(headers["inference-header-content-length"])
    assert headers["content-type"] == "application/octet-stream"
    assert json.loads(body[:length])["outputs"][0]["parameters"] == {"binary_data_size": 8}
    assert body[length:] == b"\0\0\x40\x40\0\0\xe0\x40"
    assert headers["x-model-version"] == "2"


def test_errors_have_the_protocols_form(server: Server) -> None:
    for path in (INFER, "/v2/models/nosuch/infer", "/v2/nowhere"):
        status, headers, body = ask(server.http, post(b"x", path))
        assert status in (400, 404) and list(json.loads(body)) == ["error"]
        assert headers["content-type"] == "application/json"


@pytest.mark.parametrize("path", ["/v2/health/ready", "/v2/models/toy/ready", "/v2/models/toy/versions/1/ready"])
def test_readiness(server: Server, path: str) -> None:
    assert get(server, path)[0] == 200 and get(server, path)[1]["ready"] is True
    server.plane.is_ready = False
    try:
        assert get(server, path)[0] == 503 and get(server, path)[1]["ready"] is False
        assert get(server, "/v2/health/live") == (200, {"live": True})
    finally:
        server.plane.is_ready = True


def test_metadata(server: Server) -> None:
    status, found = get(server, "/v2")
    assert (status, found["name"]) == (200, "slipway")
    assert found["extensions"] == ["binary_tensor_data", "model_configuration", "statistics"]
    status, found = get(server, "/v2/models/toy/versions/2")
    assert status == 200 and found == {
        "name": "toy",
        "versions": ["1", "2", "3"],
        "platform": "onnxruntime_onnx",
        "inputs": [{"name": "features", "datatype": "FP32", "shape": [-1, 2]}],
        "outputs": [{"name": "total", "datatype": "FP32", "shape": [-1, 1]}],
    }
    assert get(server, "/v2/models/every")[1]["platform"] == "python", "Triton says the backend without a platform"


def test_the_configuration_is_tritons(server: Server) -> None:
    for path in ("/v2/models/toy/config", "/v2/models/toy/versions/2/config"):
        assert get(server, path) == (
            200,
            {
                "name": "toy",
                "platform": "onnxruntime_onnx",
                "backend": "onnxruntime",
                "max_batch_size": 4096,
                "input": [{"name": "features", "data_type": "TYPE_FP32", "dims": [2], "format": "FORMAT_NONE"}],
                "output": [{"name": "total", "data_type": "TYPE_FP32", "dims": [1]}],
            },
        )
    assert get(server, "/v2/models/nosuch/config")[0] == 404
    assert get(server, "/v2/models/toy/versions/9/config")[0] == 404


def test_nan_and_infinity_are_read(server: Server) -> None:
    for number in ("NaN", "Infinity", "-Infinity"):
        body = request().replace(b"[3, 4]", f"[{number}, 4]".encode())
        status, _, answer = ask(server.http, post(body, INFER))
        assert (status, json.loads(answer)["outputs"][0]["data"]) == (200, [3.0, None])


def test_index(server: Server) -> None:
    path = "/v2/repository/index"
    everything = json.loads(ask(server.http, post(b"", path))[2])
    assert [entry["state"] for entry in everything] == ["READY", "UNAVAILABLE"]
    assert everything[1]["reason"] == "digest of model.onnx differs"
    assert len(json.loads(ask(server.http, post(b'{"ready":true}', path))[2])) == 1
    assert get(server, path)[0] == 405
