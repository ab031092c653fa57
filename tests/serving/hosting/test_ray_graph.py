"""The deployment graph on a real Ray: replicas that share a port, die, and come and go with the load."""

from __future__ import annotations

import os
import re
import signal
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from serving.hosting.composition import deploy, undeploy
from serving.kernel.settings import Settings
from tests.processes import children
from tests.serving.load import Load
from tests.serving.toy import write_aliases, write_version
from training.onnx.triton import free_ports

pytestmark = pytest.mark.slow

BODY, ANSWER = b'{"instances": [{"a": 1.0, "b": 2.0}]}', b'"total":3.0'
KINDS = ("kept connection", "new connection", "kept channel", "new channel")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, ray: None) -> Path:
    """A folder with one version of the toy app, and this process connected to a Ray."""
    made = tmp_path_factory.mktemp("graph")
    write_version(made / "repository", 1)
    write_aliases(made / "repository", 1)
    return made


@contextmanager
def deployed(folder: Path, replicas: int) -> Iterator[Settings]:
    http, grpc = free_ports(2)
    settings = Settings(
        home=folder / "home",
        model_repository=folder / "repository",
        http_port=http,
        grpc_port=grpc,
        replicas=replicas,
        max_replicas=3,
        apps=("tests.serving.models.toy",),
        log_file=str(folder / "gateway.jsonl"),
    )
    deploy(settings)
    try:
        yield settings
    finally:
        undeploy()


@pytest.fixture(scope="module")
def address(folder: Path) -> Iterator[str]:
    with deployed(folder, replicas=2) as settings:
        yield f"http://127.0.0.1:{settings.http_port}"


def replicas() -> list[psutil.Process]:
    return [process for process, line in children() if "ServeReplica:slipway:gateway" in line]


def status(address: str, path: str) -> int:
    try:
        with urllib.request.urlopen(address + path, timeout=120) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as refusal:
        refusal.close()
        return refusal.code


def counted(address: str) -> float:
    with urllib.request.urlopen(address + "/metrics", timeout=120) as answer:
        text = answer.read().decode()
    found = re.findall(r'slipway_requests_total\{[^}]*route="/v1/models",[^}]*\} ([\d.]+)', text)
    return sum(map(float, found))


def until(condition: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.1)


def test_replicas_share_the_port_and_their_metrics_add_up(address: str) -> None:
    assert len(replicas()) == 2
    before = counted(address)
    for _ in range(40):
        assert status(address, "/v1/models") == 200
    # A request is counted just after its answer.
    until(lambda: counted(address) == before + 40, 60)


def test_a_killed_replica_is_replaced_and_its_counts_are_kept(address: str) -> None:
    before = counted(address)
    victim = replicas()[0]
    os.kill(victim.pid, signal.SIGKILL)
    until(lambda: len([one for one in replicas() if one.pid != victim.pid]) == 2, 120)
    for _ in range(20):
        assert status(address, "/v2/health/ready") == 200, "who joins the port can answer"
    assert counted(address) >= before


def test_a_load_step_scales_up_and_down_again_without_a_failed_request(folder: Path) -> None:
    with deployed(folder, replicas=0) as settings:
        doors = (f"127.0.0.1:{settings.http_port}", f"127.0.0.1:{settings.grpc_port}")
        assert len(replicas()) == 1
        with Load(*doors, BODY, ANSWER) as heavy:
            until(lambda: len(replicas()) == 3, 120)
            # Long enough for the new ones to take part.
            time.sleep(3)
        with Load(*doors, BODY, ANSWER, kept=1, fresh=2) as light:
            until(lambda: len(replicas()) == 1, 120)
        for load in (heavy, light):
            assert load.failures == {}
            assert min(load.answers[kind] for kind in KINDS) > 20
