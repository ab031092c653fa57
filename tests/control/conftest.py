"""A home folder with free ports, the command line as a process, and nothing left at the end."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from control.settings import StackSettings
from control.stack import processes, report
from control.stack.files.state import StackState, read_state
from control.stack.stop import stop
from serving.kernel.storage.private_files import private_folder
from tests.processes import command_line

PORT_FIELDS = ("mlflow_port", "ray_port", "triton_http_port", "triton_grpc_port", "triton_metrics_port")
FREE = {name: 0 for name in (*PORT_FIELDS, "http_port", "grpc_port")}


@dataclass
class Slipway:
    """`slipway ...` with its own home folder."""

    home: Path
    environ: dict[str, str]
    python: list[str]
    started: list[subprocess.Popen[str]] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)

    def run(self, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        done = subprocess.run(
            [*self.python, "-m", "control", *arguments],
            env={**self.environ, **environ},
            capture_output=True,
            text=True,
            timeout=300,
        )
        with contextlib.suppress(OSError):
            self.state()
        return done

    def begin(self, *arguments: str) -> subprocess.Popen[str]:
        """Start a command in a process group of its own, as a shell does."""
        process = subprocess.Popen(
            [sys.executable, "-m", "control", *arguments],
            env=self.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            process_group=0,
        )
        self.started.append(process)
        return process

    def state(self) -> StackState | None:
        """The state file, if there is one."""
        state = read_state(self.home)
        if state is not None:
            self.seen.add(state.stack_id)
        return state

    def parts(self) -> dict[str, dict[str, Any]]:
        """`slipway status --json`, part by part."""
        rows = json.loads(self.run("status", "--json").stdout)["parts"]
        return {row["part"]: row for row in rows}

    def look(self) -> dict[str, report.Row]:
        """The same without a command, for those who ask until something happens."""
        state = self.state()
        assert state is not None
        return {row.part: row for row in report.look(state, StackSettings(home=self.home))}

    def left(self) -> list[str]:
        """Processes that carry the mark of any stack of this home."""
        return [command_line(process) for stack_id in self.seen for process in processes.marked(stack_id)]


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder for a home folder. Not below `tmp_path` as root: each new pytest closes the folder above that to
    other users again, and as root PostgreSQL runs as another user."""
    with tempfile.TemporaryDirectory(prefix="slipway-test-") as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def spare_database() -> Iterator[Path]:
    """Where the data folder of a PostgreSQL is between the tests that use one; it is not there at first."""
    with tempfile.TemporaryDirectory(prefix="slipway-test-") as folder:
        yield Path(folder) / "postgres"


@pytest.fixture
def kept_database(place: Path, spare_database: Path) -> Iterator[None]:
    """The home folder has the database of an earlier test: making one takes most of the time of a short stack.

    Not for tests of a first start, nor for those that stop MLflow while it makes its tables.
    """
    data = private_folder(place / "home") / "postgres"
    if spare_database.exists():
        spare_database.rename(data)
    yield
    if (data / "PG_VERSION").exists():
        data.rename(spare_database)


@pytest.fixture
def settings(place: Path) -> StackSettings:
    return StackSettings(home=place / "home", model_repository=place / "models", **FREE)


@pytest.fixture
def slipway(place: Path, warm_python: list[str]) -> Iterator[Slipway]:
    foreign = ("SLIPWAY_", "RAY_", "MLFLOW_")
    environ = {key: value for key, value in os.environ.items() if not key.startswith(foreign)}
    environ |= {f"SLIPWAY_{name.upper()}": "0" for name in FREE}
    environ |= {"SLIPWAY_HOME": str(place / "home"), "SLIPWAY_MODEL_REPOSITORY": str(place / "models")}
    command = Slipway(place / "home", environ, warm_python)
    yield command
    state = command.state() if (command.home / "state.json").is_file() else None
    if state is not None:
        stop(state)
    for process in command.started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


@pytest.fixture
def wait_until() -> Callable[..., None]:
    def wait(condition: Callable[[], object], seconds: float = 60.0) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, "it did not happen in time"
            # Some conditions look at every process of the machine.
            time.sleep(0.2)

    return wait
