"""What the chart starts without Ray really starts: the container's command, in its environment."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests.charts.chart import of_kind, variables
from tests.serving.toy import write_version


def answer(url: str) -> int:
    """The status, 0 where nobody listens."""
    try:
        with urllib.request.urlopen(url, timeout=5) as found:
            return int(found.status)
    except urllib.error.HTTPError as refusal:
        with refusal:
            return refusal.code
    except OSError:
        return 0


@pytest.mark.slow
def test_the_gateway_answers_its_probes_and_leaves_on_sigterm(
    tmp_path: Path, root: Path, unused_port: int
) -> None:
    values = {
        "groupPerApp": False,
        "groups": {"toy": {"apps": ["tests.serving.inference.toy"], "runtime": "process"}},
        "gateway": {"httpPort": unused_port, "noticeSeconds": 3},
    }
    (deployment,) = of_kind(values, "Deployment").values()
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    write_version(tmp_path / "models", 1)
    own = {
        "SLIPWAY_HOST": "127.0.0.1",
        "SLIPWAY_HOME": str(tmp_path / "home"),
        "SLIPWAY_MODEL_REPOSITORY": str(tmp_path / "models"),
        "SLIPWAY_GRPC_PORT": "0",
        "PYTHONPATH": str(root),
    }
    command = [sys.executable, *container["command"][1:]]
    with subprocess.Popen(command, env={**os.environ, **variables(container), **own}) as gateway:
        url = f"http://127.0.0.1:{unused_port}"
        ready = url + container["readinessProbe"]["httpGet"]["path"]
        deadline = time.monotonic() + 120
        while answer(ready) != 200 and gateway.poll() is None and time.monotonic() < deadline:
            time.sleep(0.1)
        try:
            assert answer(ready) == 200
            assert answer(url + container["livenessProbe"]["httpGet"]["path"]) == 200
            assert answer(f"{url}/v2/models/toy/ready") == 200
            gateway.terminate()
            while answer(ready) == 200 and time.monotonic() < deadline:
                time.sleep(0.02)
            assert answer(ready) == 503, "load balancers are told before it closes"
            assert gateway.wait(60) == 0
        finally:
            gateway.kill()
