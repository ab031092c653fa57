from __future__ import annotations

import json

from tests.control.conftest import Slipway
from tests.serving.toy import write_version


def test_what_is_wrong_is_said_with_what_to_do(slipway: Slipway) -> None:
    write_version(slipway.home.parent / "models", 1)
    slipway.home.mkdir(mode=0o700, exist_ok=True)
    fine = slipway.run("doctor", "--json")
    found = json.loads(fine.stdout)
    assert fine.returncode == 0, found
    assert {row["check"] for row in found} == {
        "callers",
        "signatures",
        "modes",
        "versions",
        "ports",
        "disk",
        "limits",
    }
    assert all(row["advice"] for row in found if row["state"] != "ok")
    slipway.environ |= {"SLIPWAY_HOST": "0.0.0.0", "SLIPWAY_TRUSTED_KEYS": str(slipway.home / "none")}  # noqa: S104
    wrong = slipway.run("doctor")
    assert wrong.returncode == 1
    assert "everybody who reaches 0.0.0.0 may ask" in wrong.stdout and "slipway keys create NAME" in wrong.stdout
    assert "SLIPWAY_TRUSTED_KEYS: " in wrong.stdout
