from __future__ import annotations

from tests.control.conftest import Slipway


def test_what_is_asked_for_must_be_there(slipway: Slipway) -> None:
    done = slipway.run("package", "price", "--format", "triton")
    assert done.returncode == 2
    assert "price has no published version" in done.stderr and "slipway train price" in done.stderr
    done = slipway.run("package", "nothing", "--format", "triton")
    assert done.returncode == 2
    assert "there is no app 'nothing'" in done.stderr
    done = slipway.run("package", "price", "--format", "wheel")
    assert done.returncode == 2
    assert "bento" in done.stderr and "triton" in done.stderr
    done = slipway.run("package", "price")
    assert done.returncode == 2
    assert "--format" in done.stderr
