"""The command in this process; tests/charts/test_triton.py runs it beside a real Triton."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import typer

from control.commands.versions.triton import follow
from control.triton.server import TritonAway


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"on_gpu": ["price"]}, "--on-gpu needs --gpus 1 or more"),
        ({"on_gpu": ["price"], "gpus": 1, "model": ["fraud"]}, "--on-gpu price needs --model price"),
    ],
)
def test_what_makes_no_sense_is_refused(tmp_path: Path, options: dict[str, Any], said: str) -> None:
    with pytest.raises(typer.BadParameter, match=said):
        follow(tmp_path, **options)


def test_a_triton_that_is_away_is_named(tmp_path: Path, unused_port: int) -> None:
    with pytest.raises(TritonAway, match=f"Triton at 127.0.0.1:{unused_port} does not answer"):
        follow(tmp_path, url=f"127.0.0.1:{unused_port}", every=0)
