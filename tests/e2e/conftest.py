"""A really running stack, started as a user starts it: price has a version already, vendor gets one behind it.

Only versions and aliases that its key signed are served.

Vendor has one booster where price has two, and what is shown here is the same for every app.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from apps.price.app import app as price
from tests.trained import Trained

PORTS = (
    "HTTP_PORT",
    "GRPC_PORT",
    "MLFLOW_PORT",
    "RAY_PORT",
    "TRITON_HTTP_PORT",
    "TRITON_GRPC_PORT",
    "TRITON_METRICS_PORT",
)
SECRETS = {
    "AWS_SECRET_ACCESS_KEY": "planted-secret-of-a-bucket",
    "SLIPWAY_API_KEY": f"slw_0123456789ab_{'planted' * 6}x",
}
"""Which no file, answer or command line may show: see `test_secrets.py`."""
SLIPWAY = str(Path(sys.executable).parent / "slipway")


@dataclass(frozen=True)
class Stack:
    """Where it runs and how to give it commands."""

    folder: Path
    environ: dict[str, str]
    python: list[str]
    left: subprocess.CompletedProcess[str] | None = None
    """The `slipway up` that was left with Ctrl-C while vendor was being trained."""

    def run(self, *arguments: str, code: int = 0, timeout: float = 280) -> subprocess.CompletedProcess[str]:
        """One `slipway` command; its exit code is checked."""
        done = subprocess.run(
            [*self.python, "-m", "control", *arguments],
            env=self.environ,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        assert done.returncode == code, f"{arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def json(self, *arguments: str, code: int = 0) -> Any:
        """What a command prints as JSON."""
        return json.loads(self.run(*arguments, code=code).stdout)

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def repository(self) -> Path:
        return self.folder / "repository"

    @property
    def state(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.home / "state.json").read_bytes())
        return found

    @property
    def http(self) -> str:
        """host:port of the HTTP door."""
        return f"127.0.0.1:{self.state['ports']['http_port']}"

    @property
    def grpc(self) -> str:
        """host:port of the gRPC door."""
        return f"127.0.0.1:{self.state['ports']['grpc_port']}"


def leave_up(stack: Stack) -> subprocess.CompletedProcess[str]:
    """`slipway up`, with Ctrl-C as soon as it says that it trains."""
    command = [SLIPWAY, "up"]
    up = subprocess.Popen(
        command, env=stack.environ, cwd=stack.folder, stdout=-1, stderr=-1, text=True, process_group=0
    )
    said = []
    assert up.stderr is not None
    for line in up.stderr:
        said.append(line)
        if line.startswith("training vendor"):
            break
    os.killpg(up.pid, signal.SIGINT)
    out, errors = up.communicate(timeout=280)
    return subprocess.CompletedProcess(command, up.returncode, out, "".join(said) + errors)


STACKS = ExitStack()


def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """The stack ends with its last test: running on until the session ends would take time from all others."""
    if nextitem is None or Path(__file__).parent not in nextitem.path.parents:
        STACKS.close()


@pytest.fixture(scope="session")
def stack(trained: Trained, warm_python: list[str]) -> Stack:
    """`slipway up` in a folder of its own, on free ports."""
    return STACKS.enter_context(running(trained, warm_python))


@contextmanager
def running(trained: Trained, warm_python: list[str]) -> Iterator[Stack]:
    """A stack, with `slipway down` at the end of the block."""
    trained.version(price)
    folder = Path(tempfile.mkdtemp(prefix="slipway-e2e-"))
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("SLIPWAY_", "RAY_"))}
    environ |= {f"SLIPWAY_{name}": "0" for name in PORTS}
    environ |= {
        "SLIPWAY_HOME": str(folder / "home"),
        "SLIPWAY_MODEL_REPOSITORY": str(folder / "repository"),
        "SLIPWAY_POLL_SECONDS": "0.2",
        "SLIPWAY_APPS": "price,vendor",
        "SLIPWAY_SIGNING_KEY": str(folder / "keys" / "release.pem"),
        "SLIPWAY_TRUSTED_KEYS": str(folder / "trusted"),
        **SECRETS,
    }
    shutil.copytree(trained.repository.root / price.name, folder / "repository" / price.name)
    made = Stack(folder, environ, warm_python)
    try:
        # The price version was published without a key.
        made.run("signing", "create", "release", "--key", environ["SLIPWAY_SIGNING_KEY"])
        made.run("signing", "sign")
        left = leave_up(made)
        made.run("up", "--json")
        yield replace(made, left=left)
    finally:
        made.run("down")
        shutil.rmtree(folder)
