"""`slipway card` from the shell: what it refuses, and --check without a version. Writing: tests/control/cards."""

from __future__ import annotations

from apps.price.app import app
from tests.control.conftest import Slipway


def test_what_is_refused(slipway: Slipway) -> None:
    before = (app.folder / "README.md").read_bytes()
    done = slipway.run("card", "price")
    assert done.returncode == 2 and "`slipway train price` makes one" in done.stderr
    done = slipway.run("card", "price", "7", "--check")
    assert done.returncode == 2 and "price has no version 7" in done.stderr
    done = slipway.run("card", "nothing")
    assert done.returncode == 2 and "'nothing' is not an app that can be trained" in done.stderr
    assert (app.folder / "README.md").read_bytes() == before


def test_without_a_version_only_the_markers_are_checked(slipway: Slipway) -> None:
    done = slipway.run("card", "price", "--check")
    assert (done.returncode, done.stderr) == (0, "price has no version; the markers of the card are correct\n")
