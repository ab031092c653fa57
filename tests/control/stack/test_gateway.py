from __future__ import annotations

import subprocess
import sys

import pytest

from tests.control.conftest import Slipway
from tests.control.stack.test_bootstrap import write_version


@pytest.mark.slow
def test_a_version_that_cannot_be_served_is_named(slipway: Slipway) -> None:
    write_version(slipway.home.parent / "models", 1)
    done = slipway.run("up", "--only", "ray", "--only", "gateway", SLIPWAY_APPS="price")
    assert done.returncode == 1
    assert "error: gateway: will not become ready: price 1: manifest.json: context: " in done.stderr
    assert slipway.left() == []


def test_without_its_ray_it_ends_with_a_reason(slipway: Slipway) -> None:
    environ = {**slipway.environ, "RAY_ADDRESS": "127.0.0.1:1"}
    done = subprocess.run(
        [sys.executable, "-m", "control.stack.gateway"],
        env=environ,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 1
    assert "cannot reach Ray at 127.0.0.1:1" in done.stdout
