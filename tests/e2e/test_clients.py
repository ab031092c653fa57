"""Strangers' clients, curl and every malformed request, against the running price app."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import msgspec
import pytest

from apps.price.app import app
from tests.e2e.conftest import Stack
from tests.serving.edge.malformed import binary, v1, v2
from tests.serving.edge.malformed import grpc as rpc
from tests.serving.edge.malformed.case import Case, Target, check, send
from tests.serving.edge.test_clients import run

pytestmark = [pytest.mark.slow, pytest.mark.stack]

WIDTH = len(app.feature_names)
TARGET = Target(
    model="price",
    instance=msgspec.to_builtins(app.example),
    integer="horizon",
    low=1,
    high=30,
    input="features",
    width=WIDTH,
    output="log_ratio",
)
HTTP = {"v1": v1.CASES, "v2": v2.CASES, "binary": binary.CASES}


def client(script: str, addresses: tuple[str, str], *more: str) -> Any:
    return run(script, *addresses, "price", "features", str(WIDTH), "log_ratio", *more)


def test_the_readme_request_gets_an_answer_in_the_readme_form(stack: Stack, root: Path) -> None:
    readme = (root / "README.md").read_text()
    command = re.search(r"^curl -s .*?^}'$", readme, re.M | re.S)
    shown = re.search(r"^```json\n(\{.*?\n\})\n```", readme, re.M | re.S)
    assert command and shown
    here = command[0].replace("127.0.0.1:8080", stack.http)
    done = subprocess.run(["bash", "-c", here], capture_output=True, text=True, timeout=120, check=True)
    answer, promised = json.loads(done.stdout), json.loads(shown[1])
    assert answer.keys() == promised.keys()
    assert answer["predictions"][0].keys() == promised["predictions"][0].keys()
    prediction = answer["predictions"][0]
    assert prediction["low"] <= prediction["price"] <= prediction["high"]
    for name in ("commodity", "market", "horizon", "unit", "last_date", "last_price", "market_known"):
        assert prediction[name] == promised["predictions"][0][name]


def test_kserve(stack: Stack) -> None:
    found = client("kserve_client.py", (stack.http, stack.grpc), msgspec.json.encode(app.example).decode())
    assert found["v1_live"] and found["v1_ready"]
    prediction = found["v1_predict"]["predictions"][0]
    assert prediction["low"] <= prediction["price"] <= prediction["high"]
    explanation = found["v1_explain"]["explanations"][0]
    inr = explanation["base_inr"] + sum(part["contribution_inr"] for part in explanation["contributions"])
    assert prediction["last_price"] + inr == pytest.approx(prediction["price"], abs=0.02)
    assert explanation["answer"]["price"] == prediction["price"]
    assert found["v2_json"]["values"] == pytest.approx(found["v2_binary"]["values"])
    assert found["grpc"]["typed"]["values"] == pytest.approx(found["v2_binary"]["values"])
    assert found["grpc"]["raw"]["values"] == pytest.approx(found["v2_binary"]["values"])
    assert found["grpc"]["raw"]["version"] == found["v1_predict"]["model_version"]


def test_tritonclient_gets_from_us_what_it_gets_from_triton(stack: Stack) -> None:
    ours = client("triton_client.py", (stack.http, stack.grpc))
    ports = stack.state["ports"]
    http, rpc_door = (f"127.0.0.1:{ports[name]}" for name in ("triton_http_port", "triton_grpc_port"))
    triton = client("triton_client.py", (http, rpc_door))
    for door in ("http", "grpc"):
        for mode in ("binary", "all_outputs", "json", "pinned"):
            assert ours[door][mode]["values"] == pytest.approx(triton[door][mode]["values"], abs=1e-5)
            assert ours[door][mode]["id"] == triton[door][mode]["id"] == "triton-1"
        inputs, outputs = (ours[door]["metadata"][part] for part in ("inputs", "outputs"))
        assert inputs == triton[door]["metadata"]["inputs"]
        assert outputs == triton[door]["metadata"]["outputs"]


@pytest.mark.parametrize("case", [pytest.param(c, id=f"{d}-{c.name}") for d, cases in HTTP.items() for c in cases])
def test_malformed_http(stack: Stack, case: Case) -> None:
    check(send(stack.http, case, TARGET), case, TARGET)


@pytest.fixture(scope="module")
def channel(stack: Stack) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(stack.grpc) as made:
        yield made


@pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in rpc.CASES])
def test_malformed_grpc(channel: grpc.Channel, case: rpc.GrpcCase) -> None:
    rpc.check(rpc.call(channel, case, TARGET), case, TARGET)
