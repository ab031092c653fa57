from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from control.trainings.first_request import first_request
from tests.control.trainings.conftest import Gateway
from tests.serving import added
from tests.serving.toy import app as toy

PACKAGES = ("tests.serving.models.toy", "demand")


def test_the_shortest_example_that_is_answered(gateway: Gateway) -> None:
    http = f"127.0.0.1:{gateway.port}"
    assert first_request(http, PACKAGES, ("toy", "demand")) == ""
    assert [line.partition(" ")[0] for line in gateway.asked] == [
        "/v1/models/toy:predict",
        "/v1/models/demand:predict",
    ]
    gateway.answers = {"toy", "demand"}
    assert f"http://{http}/v1/models/toy:predict" in first_request(http, PACKAGES, ("toy", "demand"))
    assert f"http://{http}/v1/models/demand:predict" in first_request(http, PACKAGES, ("demand",))
    assert first_request(http, PACKAGES, ()) == ""


def test_it_can_be_pasted_into_a_shell(gateway: Gateway) -> None:
    gateway.answers = {"toy"}
    command = first_request(f"127.0.0.1:{gateway.port}", PACKAGES, ("toy",))
    gateway.asked.clear()
    done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout) == (0, "{}")
    path, _, body = gateway.asked[0].partition(" ")
    assert path == "/v1/models/toy:predict"
    assert json.loads(body) == {"instances": [{"a": toy.example.a, "b": toy.example.b}]}


def test_an_added_model_has_an_example_too(
    gateway: Gateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    added.write_version(tmp_path, 1)
    monkeypatch.setenv("SLIPWAY_MODEL_REPOSITORY", str(tmp_path))
    gateway.answers = {"sum"}
    assert "/v1/models/sum:predict" in first_request(f"127.0.0.1:{gateway.port}", ("sum",), ("sum",))
