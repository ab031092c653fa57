from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.rays import Rays
from tests.training.conftest import still_alive
from training.errors import RayUnavailable
from training.fit.ray_session import address, connected, environment, on_this_machine

PROGRAM = """
import os, signal, subprocess, sys
from pathlib import Path
from training.fit.ray_session import connected
storage = Path(sys.argv[1])
guest = "import ray; from pathlib import Path; from training.fit.ray_session import connected" + chr(10)
guest += "with connected(1, Path('.')): assert ray.cluster_resources()['CPU'] == 2"
with connected(2, storage):
    import ray, psutil
    assert ray.cluster_resources()["CPU"] == 2
    with connected(2, storage):
        pass
    assert ray.is_initialized()
    environment = {**os.environ, "SLIPWAY_RAY_ADDRESS": ray.get_runtime_context().gcs_address}
    done = subprocess.run([sys.executable, "-c", guest], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert ray.cluster_resources()["CPU"] == 2
    running = psutil.Process().children(recursive=True)
    assert not any("DashboardAgent" in " ".join(one.cmdline()) for one in running)
    (folder,) = storage.iterdir()
    assert folder.stat().st_mode & 0o077 == 0, "what Ray opens to everybody lies below it"
    print(*[child.pid for child in running])
    signal.alarm(60)  # as Ray's handler of SIGTERM does, to abort
assert not ray.is_initialized()
assert signal.alarm(0) == 0
"""


@pytest.mark.slow
def test_a_private_ray_leaves_nothing_behind(root: Path) -> None:
    """It has a guest, who uses it and leaves it running. Where its folder has a long name: `test_trainer`."""
    with tempfile.TemporaryDirectory(prefix="s-", dir="/tmp") as short, tempfile.TemporaryDirectory() as scratch:
        storage = Path(short)
        environment = {name: value for name, value in os.environ.items() if not name.endswith("RAY_ADDRESS")}
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, str(storage)],
            cwd=root,
            env={**environment, "TMPDIR": scratch},
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
        pids = [int(word) for word in done.stdout.split()]
        assert pids
        assert still_alive(pids, 0) == []
        assert not list(storage.iterdir())
        assert not list(Path(scratch).iterdir())


def test_the_environment_names_a_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.delenv("SLIPWAY_RAY_ADDRESS", raising=False)
    assert address() == ""
    monkeypatch.setenv("RAY_ADDRESS", "10.0.0.1:6379")
    assert address() == "10.0.0.1:6379"
    monkeypatch.setenv("SLIPWAY_RAY_ADDRESS", "10.0.0.2:6379")
    assert address() == "10.0.0.2:6379"


@pytest.mark.parametrize(
    ("variables", "here"),
    [
        ({}, True),
        ({"RAY_ADDRESS": "127.0.0.1:6379"}, True),
        ({"RAY_ADDRESS": "10.0.0.1:6379"}, False),
        ({"RAY_ADDRESS": "auto"}, False),
        ({"SLIPWAY_RAY_ADDRESS": "127.0.0.1:6379"}, False),
    ],
)
def test_one_worker_needs_no_ray_of_this_machine(
    variables: dict[str, str], here: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.delenv("SLIPWAY_RAY_ADDRESS", raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert on_this_machine() is here


def test_a_ray_that_is_not_there_is_named(rays: Rays, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A process that is connected already does not look at the address.
    rays.close()
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        place = f"127.0.0.1:{unused.getsockname()[1]}"
        monkeypatch.setenv("SLIPWAY_RAY_ADDRESS", place)
        with pytest.raises(RayUnavailable, match=f"^nothing answers at {place}; "), connected(1, tmp_path):
            pass


def test_variables_are_as_before_after_the_block(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLIPWAY_A", "1")
    with environment({"SLIPWAY_A": "2", "SLIPWAY_B": "3"}):
        assert (os.environ["SLIPWAY_A"], os.environ["SLIPWAY_B"]) == ("2", "3")
    assert os.environ["SLIPWAY_A"] == "1" and "SLIPWAY_B" not in os.environ
