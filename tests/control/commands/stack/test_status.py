from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Callable

import pytest

from tests.control.conftest import Slipway


def test_nothing_runs(slipway: Slipway) -> None:
    done = slipway.run("status")
    assert (done.returncode, done.stderr) == (1, "the stack is not running; `slipway up` starts it\n")
    assert json.loads(slipway.run("status", "--json").stdout) == {"ready": False, "parts": []}


@pytest.mark.usefixtures("kept_database")
def test_all_ready(slipway: Slipway) -> None:
    slipway.run("up", "--only", "postgres")
    done = slipway.run("status")
    assert done.returncode == 0, done.stderr
    head, row = done.stdout.splitlines()
    assert head.split() == ["part", "state", "pid", "address", "up", "restarts", "memory"]
    assert row.split()[:2] == ["postgres", "ready"]
    part = slipway.parts()["postgres"]
    assert part["memory_bytes"] > 2**20
    assert part["address"].startswith("postgresql://postgres@/mlflow?host=")


@pytest.mark.usefixtures("kept_database")
def test_a_part_that_was_killed_comes_back(slipway: Slipway, wait_until: Callable[..., None]) -> None:
    slipway.run("up", "--only", "postgres")
    pid = slipway.parts()["postgres"]["pid"]
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: slipway.look()["postgres"].restarts >= 1)
    wait_until(lambda: slipway.look()["postgres"].state == "ready")
    part = slipway.parts()["postgres"]
    assert part["restarts"] >= 1 and part["state"] == "ready"
    assert part["pid"] != pid
    assert part["last_end"] == "terminated by SIGKILL"
    assert "(terminated by SIGKILL)" in slipway.run("status").stdout


@pytest.mark.usefixtures("kept_database")
def test_a_part_that_cannot_come_back_is_named_with_its_log(
    slipway: Slipway, wait_until: Callable[..., None]
) -> None:
    slipway.run("up", "--only", "postgres")
    part = slipway.parts()["postgres"]
    (slipway.home / "postgres").rename(slipway.home / "moved")
    (slipway.home / "postgres").write_text("not a folder")
    os.kill(part["pid"], signal.SIGKILL)
    wait_until(lambda: slipway.look()["postgres"].last_end == "exit status 1")
    done = slipway.run("status")
    assert done.returncode == 1
    assert re.search("error: postgres is (re)?starting; it ended last with exit status 1", done.stderr)
    assert "  | FileExistsError" in done.stderr
