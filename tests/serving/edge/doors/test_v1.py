from __future__ import annotations

import json

import pytest

from tests.serving.edge.conftest import Server
from tests.serving.edge.wire import ask, instances, post


def get(server: Server, path: str) -> tuple[int, object]:
    status, _, body = ask(server.http, f"GET {path} HTTP/1.1\r\nhost: x\r\n\r\n".encode())
    return status, json.loads(body)


def test_predict(server: Server) -> None:
    status, headers, body = ask(server.http, post(instances()))
    answer = json.loads(body)
    assert status == 200 and headers["x-model-version"] == "3"
    assert answer == {
        "predictions": [{"price": 107.0}],
        "model_name": "toy",
        "model_version": "3",
        "request_id": headers["x-request-id"],
    }


def test_a_pinned_version(server: Server) -> None:
    _, headers, body = ask(server.http, post(instances(), "/v1/models/toy/versions/1:predict"))
    assert headers["x-model-version"] == json.loads(body)["model_version"] == "1"


@pytest.mark.parametrize("path", ["/v1/models/toy:predict", "/v1/models/toy:predict?"])
@pytest.mark.parametrize("horizon", ["7.0", "7e0", "0.7E1"])
def test_a_whole_number_may_be_written_with_a_point(server: Server, path: str, horizon: str) -> None:
    body = instances().replace(b'"horizon": 7', f'"horizon": {horizon}'.encode())
    assert horizon.encode() in body
    status, _, answer = ask(server.http, post(body, path))
    assert (status, json.loads(answer)["predictions"]) == (200, [{"price": 107.0}])
    status, _, answer = ask(server.http, post(body.replace(horizon.encode(), b"7.5"), path))
    assert (
        status == 422
        and "$.instances[0].horizon: got a number with a decimal point" in json.loads(answer)["detail"]
    )


def test_explain(server: Server) -> None:
    _, _, body = ask(server.http, post(instances(), "/v1/models/toy:explain"))
    assert json.loads(body)["explanations"] == [{"parts": {"price": 1.0}}]
    status, _, body = ask(server.http, post(instances(), "/v1/models/every:explain"))
    assert status == 404 and "does not explain" in json.loads(body)["detail"]


def test_a_features_path_is_put_below_the_root(server: Server) -> None:
    status, _, body = ask(server.http, post(instances("Nowhere")))
    problem = json.loads(body)
    assert (status, problem["field"]) == (422, "$.instances[0].market")
    assert problem["detail"].count("market") == 1 and "Kolar" in problem["detail"]


def test_models(server: Server) -> None:
    assert get(server, "/v1/models") == (200, {"models": ["every", "toy"]})
    assert get(server, "/v1/models/toy") == (200, {"name": "toy", "ready": True})
    server.plane.is_ready = False
    try:
        assert get(server, "/v1/models/toy") == (503, {"name": "toy", "ready": False})
    finally:
        server.plane.is_ready = True
    assert get(server, "/v1/models/nosuch")[0] == 404
