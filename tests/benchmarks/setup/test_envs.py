from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from benchmarks.contest.contestants import CONTESTANTS
from benchmarks.setup import envs
from benchmarks.setup.place import BenchmarkError, Place


def test_every_contestant_has_an_environment() -> None:
    assert {item.environment for item in CONTESTANTS.values()} <= {*envs.ENVIRONMENTS, envs.OWN}


@pytest.mark.parametrize("name", envs.ENVIRONMENTS)
def test_everything_is_pinned_exactly(name: str) -> None:
    lines = [line for line in envs.requirements(name).read_text().splitlines() if not line.startswith("#")]
    assert lines and all(re.fullmatch(r"[\w.-]+==[\w.!]+", line) for line in lines)
    names = [line.partition("==")[0].lower().replace("_", "-") for line in lines]
    assert len(set(names)) == len(names)


def test_all_peers_run_the_same_onnx_runtime() -> None:
    pins = {name: envs.requirements(name).read_text() for name in envs.ENVIRONMENTS if name != "export"}
    assert len({re.findall(r"^onnxruntime==.*$", text, re.MULTILINE)[0] for text in pins.values()}) == 1


def test_slipways_own_environment_is_this_one(tmp_path: Path) -> None:
    assert envs.ensure(envs.OWN, Place(tmp_path), lambda text: None) == Path(sys.executable)


def test_an_unknown_environment_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BenchmarkError, match="no environment 'x'; there are: bentoml, core"):
        envs.ensure("x", Place(tmp_path), lambda text: None)


def test_a_failed_installation_is_told_and_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "broken.txt").write_text("not a requirement\n")
    monkeypatch.setattr(envs, "FOLDER", tmp_path)
    monkeypatch.setattr(envs, "ENVIRONMENTS", ("broken",))
    place = Place(tmp_path / "bench")
    for _ in range(2):
        with pytest.raises(BenchmarkError, match="broken could not be made:\n.*Invalid requirement"):
            envs.ensure("broken", place, lambda text: None)
