from __future__ import annotations

from pathlib import Path

import pytest

from tests.control.conftest import Slipway


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--on-gpu", "price"), "--on-gpu needs --gpus 1 or more"),
        (("--on-gpu", "price", "--gpus", "1", "--model", "fraud"), "--on-gpu price needs --model price"),
    ],
)
def test_what_makes_no_sense_is_refused(
    slipway: Slipway, tmp_path: Path, options: tuple[str, ...], said: str
) -> None:
    done = slipway.run("triton", "follow", str(tmp_path), *options)
    assert done.returncode == 2 and said in done.stderr


def test_a_triton_that_is_away_is_named(slipway: Slipway, tmp_path: Path, unused_port: int) -> None:
    done = slipway.run("triton", "follow", str(tmp_path), "--url", f"127.0.0.1:{unused_port}", "--every", "0")
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: Triton at 127.0.0.1:{unused_port} does not answer")
