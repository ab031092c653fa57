from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ray import serve
from ray.serve._private.common import ReplicaState
from ray.serve.schema import (
    ApplicationStatus,
    ApplicationStatusOverview,
    DeploymentStatus,
    DeploymentStatusOverview,
    DeploymentStatusTrigger,
    ServeStatus,
)

from control.stack import processes
from control.stack.files.state import StackState
from control.stack.programs import gateway
from control.stack.programs.gateway import main
from tests.control.conftest import Slipway
from tests.control.stack.test_survey import write_broken_app, write_version
from tests.processes import command_line, has_ended
from tests.serving import toy


def answers(url: str) -> bool:
    """Whether a new connection gets the answer."""
    with urllib.request.urlopen(url, b'{"instances": [{"a": 1.0, "b": 2.0}]}', timeout=120) as answer:
        return bool(json.load(answer)["predictions"] == [{"total": 3.0}])


def lose_one(state: StackState, url: str, wait_until: Callable[..., None]) -> None:
    """Kill one of two replicas: the other one answers every request until there are two again."""

    def replicas() -> set[int]:
        marked = processes.marked(state.stack_id)
        return {one.pid for one in marked if "ServeReplica:slipway:gateway" in command_line(one)}

    wait_until(lambda: len(replicas()) == 2, 120)
    lost = min(replicas())
    os.kill(lost, signal.SIGKILL)
    wait_until(lambda: has_ended(lost))
    wait_until(lambda: answers(url) and len(replicas()) == 2, 120)
    log = state.layout.log("gateway").read_text()
    assert "gateway: unhealthy" not in log and "undeployed" not in log


def seen(status: str, **replicas: int) -> Any:
    """What `serve.status()` returns, of an application whose gateway has so many replicas in each state."""
    part = DeploymentStatusOverview(
        DeploymentStatus.UNHEALTHY,
        DeploymentStatusTrigger.HEALTH_CHECK_FAILED,
        {ReplicaState[name]: count for name, count in replicas.items()},
        "a replica failed its health check",
    )
    application = ApplicationStatusOverview(ApplicationStatus[status], "", 0.0, {"gateway": part})
    return ServeStatus(applications={"slipway": application})


@pytest.mark.parametrize(
    ("status", "replicas", "bad"),
    [
        ("UNHEALTHY", {"RUNNING": 3, "STOPPING": 1}, False),
        ("UNHEALTHY", {"STARTING": 1}, False),
        ("UNHEALTHY", {"STOPPING": 1}, True),
        ("DEPLOY_FAILED", {}, True),
        ("RUNNING", {}, False),
    ],
)
def test_an_application_is_bad_only_when_no_replica_answers_or_starts(
    status: str, replicas: dict[str, int], bad: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serve, "status", lambda: seen(status, **replicas))
    reason = gateway._bad_reason()
    assert ("a replica failed its health check" in reason) == bad


@pytest.mark.slow
def test_what_cannot_be_served_is_named_and_the_rest_is_served(
    slipway: Slipway, root: Path, wait_until: Callable[..., None]
) -> None:
    place = slipway.home.parent
    write_version(place / "models", 1)
    toy.write_version(place / "models", 1)
    broken = write_broken_app(place)
    slipway.environ |= {
        "SLIPWAY_REPLICAS": "2",
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
    assert answers(url)
    log = state.layout.log("gateway")
    wait_until(lambda: "gateway: not ready: price 1: manifest.json: context: " in log.read_text())
    assert slipway.run("status").returncode == 0
    lose_one(state, url, wait_until)
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
