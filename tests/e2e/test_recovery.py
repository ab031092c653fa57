"""A machine that is lost: another one is made from its backup, registry and versions as they were."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest

from tests.e2e.conftest import Stack
from tests.e2e.test_lifecycle import digests

pytestmark = [pytest.mark.slow, pytest.mark.stack]


def published(stack: Stack) -> dict[str, str]:
    return {name: digest for name, digest in digests(stack.repository).items() if ".lock" not in name}


def test_a_lost_machine_is_made_again_from_its_backup(stack: Stack) -> None:
    folder = Path(tempfile.mkdtemp(prefix="slipway-e2e-"))
    environ = stack.environ | {
        "SLIPWAY_HOME": str(folder / "home"),
        "SLIPWAY_MODEL_REPOSITORY": str(folder / "repository"),
    }
    other = Stack(folder, environ, stack.python)
    try:
        kept = stack.json("backup", str(folder / "backup"), "--json")
        assert kept["files"] > 2
        assert "is not empty; give an empty folder" in stack.run("backup", str(folder / "backup"), code=1).stderr
        assert "is running: `slipway down`, or set" in stack.run("restore", str(folder / "backup"), code=1).stderr
        other.run("restore", str(folder / "backup"))
        assert published(other) == published(stack)
        # MLflow's database and artifacts came back too: they know the versions, and can make them again.
        shutil.rmtree(other.repository / "vendor" / "1")
        rows = other.json("repository", "sync", "--json")
        done = {row["version"]: row["action"] for row in rows}
        assert done.pop(1) == "written" and set(done.values()) <= {"kept"}
        assert published(other) == published(stack)
        assert "is in use" in other.run("restore", str(folder / "backup"), code=1).stderr
    finally:
        shutil.rmtree(folder)
