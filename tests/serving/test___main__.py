"""`python -m serving`: a gateway process as a container runs it, and one that takes over from another."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.serving.load import Load
from tests.serving.toy import write_aliases, write_version
from training.onnx.triton import free_ports

BODY, ANSWER = b'{"instances": [{"a": 1.0, "b": 2.0}]}', b'"total":3.0'
KINDS = ("kept connection", "new connection", "kept channel", "new channel")

Begin = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def begin(tmp_path: Path, root: Path) -> Iterator[Begin]:
    """Starts gateways; none is left at the end."""
    write_version(tmp_path / "repository", 1)
    write_aliases(tmp_path / "repository", 1)
    started: list[subprocess.Popen[str]] = []
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SLIPWAY_")}

    def start(**settings: str) -> subprocess.Popen[str]:
        environ = kept | {
            "SLIPWAY_HOME": str(tmp_path / "home"),
            "SLIPWAY_MODEL_REPOSITORY": str(tmp_path / "repository"),
            "SLIPWAY_APPS": "tests.serving.models.toy",
            "SLIPWAY_LOG_FILE": str(tmp_path / f"{len(started)}.jsonl"),
            "SLIPWAY_DRAIN_SECONDS": "10",
            **{f"SLIPWAY_{name.upper()}": value for name, value in settings.items()},
        }
        line = [sys.executable, "-m", "serving"]
        pipe = subprocess.PIPE
        started.append(subprocess.Popen(line, cwd=root, env=environ, stdout=pipe, stderr=pipe, text=True))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def until_ready(port: int) -> None:
    """The first on its ports says that it listens before it has loaded anything."""
    deadline = time.monotonic() + 60
    while True:
        with contextlib.suppress(urllib.error.HTTPError):
            urllib.request.urlopen(f"http://127.0.0.1:{port}/v2/health/ready", timeout=60).close()
            return
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.mark.slow
def test_a_gateway_is_replaced_under_load_without_a_failed_request(begin: Begin) -> None:
    http, rpc = free_ports(2)
    ports = {"http_port": str(http), "grpc_port": str(rpc)}
    first = begin(**ports)
    assert said(first) == f"gateway: HTTP on port {http}, gRPC on port {rpc}\n"
    until_ready(http)
    with Load(f"127.0.0.1:{http}", f"127.0.0.1:{rpc}", BODY, ANSWER) as load:
        for _ in range(2):
            time.sleep(1)
            second = begin(**ports)
            # It says so when it can answer; only then the other one is told to go.
            assert said(second).startswith("gateway:")
            first.send_signal(signal.SIGTERM)
            assert first.wait(60) == 0, first.communicate()[1]
            first = second
        time.sleep(1)
    assert load.failures == {}
    assert min(load.answers[kind] for kind in KINDS) > 20


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"door": "ray"}, "SLIPWAY_DOOR: `ray` needs Ray"),
        ({"host": "0.0.0.0"}, "SLIPWAY_HOST: on '0.0.0.0', everybody who reaches ports 8080"),
        ({"backend": "replica"}, "SLIPWAY_BACKEND: toy run as `replica`, which needs Ray"),
        ({"http_port": "many"}, "SLIPWAY_HTTP_PORT: 'many' is not allowed"),
        ({"apps": "prise"}, "there is no app 'prise'"),
    ],
)
def test_what_cannot_be_served_is_refused(begin: Begin, settings: dict[str, str], words: str) -> None:
    process = begin(**settings)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 2 and stderr.startswith(f"error: {words}"), stderr
