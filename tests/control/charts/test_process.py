"""What the chart starts without Ray really starts: the container's command, in its environment."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
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


def until(condition: Callable[[], bool], gateway: subprocess.Popen[str]) -> None:
    """Return when it holds, or the gateway has ended, or two minutes have passed."""
    deadline = time.monotonic() + 120
    while not condition() and gateway.poll() is None and time.monotonic() < deadline:
        time.sleep(0.1)


@pytest.mark.slow
def test_changed_sources_run_without_another_image(tmp_path: Path, root: Path, unused_port: int) -> None:
    values = {
        "groupPerApp": False,
        "groups": {"toy": {"apps": ["tests.serving.models.toy"], "runtime": "process"}},
        "development": {"watchSources": True},
    }
    (deployment,) = of_kind(values, "Deployment").values()
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    shell, flag, line = container["command"]
    sources, output = tmp_path / "src", tmp_path / "output"
    assert variables(container)["PYTHONPATH"] == "/tmp/src"
    # As in the image: the package is installed, and the copy comes before it.
    installed = f"PYTHONPATH={root} python3 -c"
    line = line.replace("/tmp/src", str(sources)).replace("env -u PYTHONPATH python3 -c", f"env {installed}")
    own = {
        "SLIPWAY_HOST": "127.0.0.1",
        "SLIPWAY_HTTP_PORT": str(unused_port),
        "SLIPWAY_GRPC_PORT": "0",
        "SLIPWAY_NOTICE_SECONDS": "0",
        "SLIPWAY_HOME": str(tmp_path / "home"),
        "SLIPWAY_MODEL_REPOSITORY": str(tmp_path / "models"),
        "PYTHONPATH": f"{sources}:{root}",
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    write_version(tmp_path / "models", 1)
    url = f"http://127.0.0.1:{unused_port}/-/healthz"
    with (
        output.open("w") as stream,
        subprocess.Popen(
            [shell, flag, line],
            env={**os.environ, **variables(container), **own},
            stdout=stream,
            text=True,
            cwd=tmp_path,
        ) as gateway,
    ):
        try:
            until(lambda: answer(url) == 200, gateway)
            assert answer(url) == 200
            assert (sources / "apps" / "__init__.py").is_file()
            (sources / "serving" / "__init__.py").write_text("print('the changed one', flush=True)\n")
            until(lambda: "the changed one" in output.read_text() and answer(url) == 200, gateway)
            assert "the changed one" in output.read_text() and answer(url) == 200
        finally:
            gateway.terminate()
            gateway.wait(60)


@pytest.mark.slow
def test_the_gateway_answers_its_probes_and_leaves_on_sigterm(
    tmp_path: Path, root: Path, unused_port: int
) -> None:
    values = {
        "groupPerApp": False,
        "groups": {"toy": {"apps": ["tests.serving.models.toy"], "runtime": "process"}},
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
