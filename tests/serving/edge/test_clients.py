"""Strangers' clients against the doors, each in its own process."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec

from tests.serving.edge.conftest import Server
from tests.serving.edge.toy import EXAMPLE

CLIENTS = Path(__file__).parent / "clients"
SUMS = [1.0, 5.0]


def run(script: str, *arguments: str) -> Any:
    done = subprocess.run(
        [sys.executable, str(CLIENTS / script), *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.strip().splitlines()[-1])


def test_kserve(server: Server) -> None:
    instance = msgspec.json.encode(EXAMPLE).decode()
    found = run("kserve_client.py", server.http, server.grpc, "toy", "features", "2", "total", instance)
    assert found["v1_live"] and found["v1_ready"]
    assert found["v1_predict"]["predictions"] == [{"price": 108.5}]
    assert found["v1_predict"]["model_version"] == "3"
    assert found["v1_explain"]["explanations"] == [{"parts": {"price": 1.0}}]
    assert "422" in found["v1_error"] and "$.inputs" in found["v2_error"]
    assert found["v2_live"] and found["v2_ready"] and found["v2_model_ready"]
    expected = {"model": "toy", "version": "3", "id": "kserve-1", "output": "total", "values": SUMS}
    assert found["v2_json"] == found["v2_binary"] == expected | {"version": None}, "their REST client drops it"
    rpc = found["grpc"]
    assert rpc["live"] and rpc["ready"] and rpc["model_ready"]
    assert rpc["typed"] == rpc["raw"] == expected
    assert rpc["unknown_ready"] is False


def test_tritonclient(server: Server) -> None:
    found = run("triton_client.py", server.http, server.grpc, "toy", "features", "2", "total")
    for door in ("http", "grpc"):
        seen = found[door]
        assert seen["live"] and seen["ready"] and seen["model_ready"] and seen["version_ready"]
        assert not seen["unknown_ready"]
        assert seen["server"]["name"] == "slipway"
        assert seen["metadata"]["versions"] == ["1", "2", "3"]
        assert seen["metadata"]["inputs"][0]["datatype"] == "FP32"
        for mode in ("binary", "all_outputs", "json"):
            assert seen[mode] == {"model": "toy", "version": "3", "id": "triton-1", "values": SUMS}, (door, mode)
        assert seen["pinned"]["version"] == "1"
        assert "nosuch" in seen["error"]
    assert found["http"]["index"][0] == {"name": "toy", "version": "3", "state": "READY", "reason": ""}
    assert found["http"]["error"].startswith("404")
    assert found["grpc"]["error"].startswith("StatusCode.NOT_FOUND")
    assert found["grpc"]["config"]["config"]["input"][0]["data_type"] == "TYPE_FP32"


def curl(*arguments: str) -> str:
    done = subprocess.run(
        ["curl", "-sS", "-i", *arguments], capture_output=True, text=True, timeout=120, check=True
    )
    return done.stdout


def test_curl(server: Server) -> None:
    record = '{"instances":[{"horizon":7,"history":[{"price":100}]}]}'
    answer = curl("-d", record, "-H", "x-request-id: curl-1", f"{server.http}/v1/models/toy:predict")
    assert answer.startswith("HTTP/1.1 200") and '{"price":107.0}' in answer
    assert "x-request-id: curl-1" in answer and "x-model-version: 3" in answer
    tensors = '{"inputs":[{"name":"features","datatype":"FP32","shape":[1,2],"data":[[1,2]]}]}'
    answer = curl("--http1.0", "-d", tensors, f"{server.http}/v2/models/toy/infer")
    assert " 200 OK" in answer and '"data":[3.0]' in answer
    chunked = curl("-H", "transfer-encoding: chunked", "-d", tensors, f"{server.http}/v2/models/toy/infer")
    assert '"data":[3.0]' in chunked
    waiting = curl("-H", "expect: 100-continue", "-d", tensors, f"{server.http}/v2/models/toy/infer")
    assert "100 Continue" in waiting and '"data":[3.0]' in waiting
