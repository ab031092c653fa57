"""What the chart tells KubeRay really runs, started as KubeRay does: a head, a worker, a config by HTTP."""

from __future__ import annotations

import json
import os
import random
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml

from tests.charts.chart import of_kind, variables
from tests.serving.toy import write_version
from tests.training.conftest import still_alive

TOKEN = secrets.token_hex(32)
PORTS = range(20_000, 32_000)
"""Below the range from which the kernel picks a free port, as it does a dozen times for a node of Ray."""
OBJECT_STORE = 80 * 2**20


def own_ports(count: int) -> list[int]:
    """Free ports that stay free until they are used, half a minute later."""
    with ExitStack() as stack:
        found: list[int] = []
        while len(found) < count:
            probe = stack.enter_context(socket.socket())
            with suppress(OSError):
                probe.bind(("127.0.0.1", random.choice(PORTS)))
                found.append(probe.getsockname()[1])
        return found


@contextmanager
def node(environment: Mapping[str, str], log: Path, *options: str) -> Iterator[None]:
    """`ray start` as a pod's container runs it; nothing of it is left at the end."""
    ray = str(Path(sys.executable).with_name("ray"))
    own = (f"--object-store-memory={OBJECT_STORE}", "--node-ip-address=127.0.0.1", "--block")
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [ray, "start", *options, *own], env=environment, stdout=stream, stderr=stream, start_new_session=True
        )
    try:
        yield
    finally:
        family = [child.pid for child in psutil.Process(process.pid).children(recursive=True)]
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)
        assert still_alive(family, 30) == [], log.read_text()


def ask(url: str, token: str = "", config: Any = None) -> tuple[int, str]:
    """Status and text; 0 while nobody answers. A config is put there."""
    headers = {"content-type": "application/json"} | ({"authorization": f"Bearer {token}"} if token else {})
    data = None if config is None else json.dumps(config).encode()
    request = urllib.request.Request(url, data, headers, method="PUT" if data else "GET")
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, ""
    except OSError:
        return 0, ""


def pod_environment(pod: Mapping[str, Any], **own: str) -> dict[str, str]:
    """What the pod's container has, with KubeRay's token and what is different on one machine."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("RAY_", "SLIPWAY_"))}
    (container,) = pod["template"]["spec"]["containers"]
    return {**kept, **variables(container), "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": TOKEN, **own}


@pytest.mark.slow
def test_the_serve_config_brings_a_gateway_that_answers(
    tmp_path: Path, root: Path, wait_until: Callable[..., None]
) -> None:
    gcs, dashboard, head_agent, worker_agent, http = own_ports(5)
    values = {
        "groupPerApp": False,
        "groups": {"toy": {"apps": ["tests.serving.models.toy"], "runtime": "ray"}},
        "gateway": {"httpPort": http, "noticeSeconds": 3},
    }
    (service,) = (found["spec"] for found in of_kind(values, "RayService").values())
    head, (worker,) = (service["rayClusterConfig"][part] for part in ("headGroupSpec", "workerGroupSpecs"))
    write_version(tmp_path / "models", 1)
    (tmp_path / "metrics").mkdir()
    own = {
        "SLIPWAY_HOST": "127.0.0.1",
        "SLIPWAY_HOME": str(tmp_path / "home"),
        "SLIPWAY_MODEL_REPOSITORY": str(tmp_path / "models"),
        "SLIPWAY_NOTICE_SECONDS": "0",
        "SLIPWAY_GRPC_PORT": "0",
        "PROMETHEUS_MULTIPROC_DIR": str(tmp_path / "metrics"),
        "PYTHONPATH": str(root),
        # There is no other node to move work to.
        "RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S": "0",
    }
    api, health = f"http://127.0.0.1:{dashboard}/api", f"http://127.0.0.1:{worker_agent}/api/local_raylet_healthz"
    config = yaml.safe_load(service["serveConfigV2"])
    held = {name: float(amount) for name, amount in worker["resources"].items() if name != "CPU"}

    def state() -> dict[str, Any]:
        found: dict[str, Any] = json.loads(ask(f"{api}/serve/applications/", TOKEN)[1])["applications"]["slipway"]
        return found

    # Sockets have short paths.
    with tempfile.TemporaryDirectory(prefix="s-", dir="/tmp") as folder, ExitStack() as cluster:
        ports = (f"--port={gcs}", f"--dashboard-port={dashboard}", f"--dashboard-agent-listen-port={head_agent}")
        cpus = (f"--num-cpus={head['resources']['CPU']}", "--dashboard-host=127.0.0.1", f"--temp-dir={folder}")
        start = ("--head", "--no-monitor", *ports, *cpus)
        cluster.enter_context(node(pod_environment(head, **own), tmp_path / "head.log", *start))
        wait_until(lambda: ask(f"{api}/gcs_healthz")[0] == 200, 60)
        join = (
            f"--address=127.0.0.1:{gcs}",
            f"--dashboard-agent-listen-port={worker_agent}",
            f"--num-cpus={worker['resources']['CPU']}",
            f"--resources={json.dumps(held)}",
        )
        cluster.enter_context(node(pod_environment(worker, **own), tmp_path / "worker.log", *join))
        # What the probes ask, who have no token.
        wait_until(lambda: ask(health) == (200, "success"), 60)
        assert ask(f"{api}/serve/applications/", config=config)[0] == 401
        assert ask(f"{api}/serve/applications/", TOKEN, config)[0] == 200
        wait_until(lambda: state()["status"] == "RUNNING", 120)
        deployments = {name: len(found["replicas"]) for name, found in state()["deployments"].items()}
        assert deployments == {"gateway": 1}
        wait_until(lambda: ask(f"http://127.0.0.1:{http}/v2/models/toy/ready")[0] == 200, 60)
    assert any((tmp_path / "metrics").iterdir()), "replicas write their metrics where the pod says"
