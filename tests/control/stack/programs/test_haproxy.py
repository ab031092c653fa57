from __future__ import annotations

import json
import urllib.request
from pathlib import Path

import psutil
import pytest

from control.stack.files.layout import LONGEST_RUN
from control.stack.files.state import StackState
from control.stack.programs.haproxy import PORTS, environment
from tests.control.conftest import Slipway
from tests.processes import command_line
from tests.serving.toy import write_aliases, write_version


def state(door: str) -> StackState:
    return StackState(
        stack_id="id",
        home="/home",
        run="/" + "r" * (LONGEST_RUN - 1),
        model_repository="/models",
        parts=("ray", "gateway"),
        ports={name: 1000 for name in ("ray_port", "http_port", "grpc_port", *(PORTS if door == "ray" else ()))},
        started=0.0,
        door=door,
    )


def test_the_native_door_needs_nothing() -> None:
    assert environment(state("native")) == {}


def test_sockets_are_not_too_deep() -> None:
    found = environment(state("ray"))
    assert found["RAY_SERVE_ENABLE_HA_PROXY"] == "1"
    folder, _, name = found["RAY_SERVE_HAPROXY_SOCKET_PATH"].rpartition("/")
    assert len(f"{folder}/{'n' * 56}/{name}.4194304.tmp") <= 107


def ask(port: int, path: str, body: bytes | None = None) -> tuple[int, str]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", body, timeout=120) as answer:
        return answer.status, answer.read().decode()


def haproxies(run: str) -> list[psutil.Process]:
    found = [process for process in psutil.process_iter(["name"]) if process.info["name"] == "haproxy"]
    return [process for process in found if run in command_line(process)]


@pytest.mark.slow
def test_a_stack_behind_haproxy_leaves_nothing_behind(slipway: Slipway, root: Path) -> None:
    repository = slipway.home.parent / "models"
    write_version(repository, 1)
    write_aliases(repository, 1)
    slipway.environ |= {"SLIPWAY_APPS": "tests.serving.models.toy", "PYTHONPATH": str(root)}
    done = slipway.run("up", "--only", "ray", "--only", "gateway", "--json", SLIPWAY_DOOR="ray")
    assert done.returncode == 0, done.stderr
    running = slipway.state()
    assert running is not None and len(haproxies(running.run)) == 1
    detail = f"ray door, gRPC at 127.0.0.1:{running.ports['grpc_port']}"
    assert [part["detail"] for part in json.loads(done.stdout)["parts"]] == ["", detail]
    assert f"({detail})" in slipway.run("status").stdout, "whatever SLIPWAY_DOOR is now"

    port = running.ports["http_port"]
    status, answer = ask(port, "/v1/models/toy:predict", b'{"instances": [{"a": 1.0, "b": 2.0}]}')
    assert (status, json.loads(answer)["predictions"]) == (200, [{"total": 3.0}])
    assert ask(port, "/-/healthz") == (200, "success")
    assert ask(port, "/-/routes") == (200, '{"/":"slipway"}')

    # Without its supervisor nothing else ends HAProxy: `down` has to find it, as every `down` does at its end.
    psutil.Process(running.supervisor_pid).kill()
    down = slipway.run("down")
    assert down.returncode == 0 and "remaining processes" in down.stderr
    assert slipway.left() == [] and haproxies(running.run) == []
