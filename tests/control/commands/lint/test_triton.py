from __future__ import annotations

import json
from pathlib import Path

from tests.control.conftest import Slipway
from tests.control.lint.triton.corpus import write_base, write_case
from tests.control.lint.triton.mistakes import MISTAKES


def test_a_good_repository_passes_and_a_broken_one_does_not(slipway: Slipway, place: Path) -> None:
    write_base(place / "models", "plain", "plain")
    done = slipway.run("triton", "lint")
    assert (done.returncode, done.stdout) == (0, "")
    assert "1 model: 0 errors, 0 warnings" in done.stderr
    case = next(one for one in MISTAKES["tensors"] if one.name == "batch-in-dims")
    write_case(place / "models", case)
    done = slipway.run("triton", "lint", str(place / "models"))
    assert done.returncode == 1
    assert f"{place}/models/batch-in-dims/config.pbtxt:7" in done.stdout
    assert "T141" in done.stdout and "Leave the batch axis out" in done.stdout
    document = json.loads(slipway.run("triton", "lint", "--json").stdout)
    assert (document["models"], document["errors"]) == (["batch-in-dims", "plain"], 1)
    assert document["findings"][0]["key"] == "input[0].dims"
    assert slipway.run("triton", "lint", "--model", "plain").returncode == 0


def test_warnings_count_when_asked(slipway: Slipway, place: Path) -> None:
    write_case(place / "models", next(one for one in MISTAKES["batching"] if one.name == "delay-in-seconds"))
    assert slipway.run("triton", "lint").returncode == 0
    assert slipway.run("triton", "lint", "--strict").returncode == 1


def test_no_repository_is_told_plainly(slipway: Slipway, place: Path) -> None:
    done = slipway.run("triton", "lint", str(place / "nowhere"))
    assert done.returncode == 2
    assert done.stderr.startswith("error: ") and "is not a folder" in done.stderr
