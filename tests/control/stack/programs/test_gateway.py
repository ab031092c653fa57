from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from control.stack.programs.gateway import main
from tests.control.conftest import Slipway
from tests.control.stack.test_survey import write_broken_app, write_version
from tests.serving import toy


@pytest.mark.slow
def test_what_cannot_be_served_is_named_and_the_rest_is_served(
    slipway: Slipway, root: Path, wait_until: Callable[..., None]
) -> None:
    place = slipway.home.parent
    write_version(place / "models", 1)
    toy.write_version(place / "models", 1)
    broken = write_broken_app(place)
    slipway.environ |= {
        "SLIPWAY_APPS": f"price,tests.serving.models.toy,{broken}",
        "PYTHONPATH": f"{root}:{place}",
    }
    done = slipway.run("up", "--only", "ray", "--only", "gateway")
    assert done.returncode == 1
    assert "error: the gateway refuses price 1: manifest.json: context: " in done.stderr
    assert "error: acme.broken cannot be imported: RuntimeError: half an edit" in done.stderr
    state = slipway.state()
    assert state is not None
    assert f"curl -s http://{state.http}/v1/models/toy:predict" in done.stderr
    url = f"http://{state.http}/v1/models/toy:predict"
    with urllib.request.urlopen(url, b'{"instances": [{"a": 1.0, "b": 2.0}]}', timeout=120) as answer:
        assert json.load(answer)["predictions"] == [{"total": 3.0}]
    log = state.layout.log("gateway")
    wait_until(lambda: "gateway: not ready: price 1: manifest.json: context: " in log.read_text())
    assert slipway.run("status").returncode == 0
    assert slipway.run("down").returncode == 0
    assert slipway.left() == []


def test_without_its_ray_it_ends_with_a_reason(slipway: Slipway) -> None:
    environ = {**slipway.environ, "RAY_ADDRESS": "127.0.0.1:1"}
    done = subprocess.run(
        [sys.executable, "-m", "control.stack.programs.gateway"],
        env=environ,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 1
    assert "cannot reach Ray at 127.0.0.1:1" in done.stdout


def test_it_waits_for_the_ray_of_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    monkeypatch.setenv("SLIPWAY_START_SECONDS", "0.7")
    began = time.monotonic()
    assert main(tmp_path) == 1
    assert time.monotonic() - began >= 0.7
    assert "cannot reach Ray at 127.0.0.1:1" in capsys.readouterr().out
