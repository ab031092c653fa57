"""`slipway models`: models that are there for others are no versions of their own."""

from __future__ import annotations

from pathlib import Path

from tests.control.conftest import Slipway
from tests.serving import added
from tests.training.added.folders import folders
from training.added.folders.read import read_folder
from training.added.folders.write import write_models
from training.publish import servable
from training.publish.parts import publish_parts


def test_the_parts_of_an_ensemble_name_it(slipway: Slipway, place: Path, tmp_path: Path) -> None:
    folders.ensemble(tmp_path)
    version = place / "models" / "whole" / "1"
    write_models("whole", read_folder(tmp_path / "whole"), version)
    servable.seal(version, added.manifest(model="whole"))
    publish_parts(version, place / "models")
    listed = [line.split() for line in slipway.run("models").stdout.splitlines()]
    assert [line[:2] for line in listed[1:]] == [["linear", "1"], ["twice", "1"], ["whole", "1"]]
    assert listed[1][-3:] == listed[2][-3:] == ["part", "of", "whole"]
    asked = slipway.run("predict", "linear").stderr
    assert "there is no app 'linear'" in asked and asked.split()[-3:] == ["added", "models:", "whole"]
