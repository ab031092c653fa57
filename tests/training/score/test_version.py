from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest

from serving.kernel.storage.version_manifest import Aliases
from tests.serving import added
from tests.training import toy
from tests.training.score.conftest import TOY
from training.errors import DataError, ScoreError
from training.publish import repository, servable
from training.score.version import ModelRuntime, choose, open_version


def test_the_champion_else_the_newest(tmp_path: Path, models: Path, toy_servable: Path) -> None:
    copy = tmp_path / "models"
    shutil.copytree(models, copy)
    repository.publish(toy_servable, copy, "toy", 4)
    assert choose(TOY, copy)[1] == 4
    repository.set_aliases(copy, "toy", Aliases(champion=1))
    assert choose(TOY, copy)[1] == 1
    assert choose(TOY, copy, 4)[1] == 4
    with pytest.raises(DataError, match=r"toy has no version 3 .* available: 1, 4"):
        choose(TOY, copy, 3)
    (copy / "toy" / "aliases.json").write_text("{")
    with pytest.raises(ScoreError, match="aliases.json"):
        choose(TOY, copy)


def test_no_such_app_and_no_version_yet(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no app 'nothing'; there are: "):
        choose("nothing", tmp_path)
    with pytest.raises(DataError, match="toy has no published version in .* `slipway train toy` makes one"):
        choose(TOY, tmp_path)


@pytest.mark.parametrize("name", ["model.onnx", "golden.jsonl"])
def test_a_version_that_is_not_what_was_published_is_refused(tmp_path: Path, models: Path, name: str) -> None:
    shutil.copytree(models, tmp_path / "models")
    with (tmp_path / "models" / "toy" / "1" / name).open("ab") as stream:
        stream.write(b"\n")
    with pytest.raises(ScoreError, match=f"toy version 1 is refused: {name}"):
        asyncio.run(open_version(toy.app, 1, ModelRuntime(repository=str(tmp_path / "models"))))


def test_each_version_of_an_added_model_has_its_own_columns(tmp_path: Path) -> None:
    added.write_version(tmp_path, 1, names="ab")
    added.write_version(tmp_path, 2, names="pq")
    runtime = ModelRuntime(repository=str(tmp_path))
    for version, names in ((1, ("a", "b")), (2, ("p", "q"))):
        app, number = choose(added.NAME, tmp_path, version)
        assert (app.feature_names, number) == (names, version)
        loaded = asyncio.run(open_version(app, version, runtime))
        assert loaded.app.feature_names == names
        asyncio.run(loaded.backend.close())
    (tmp_path / added.NAME / "1" / "manifest.json").write_text("{}")
    with pytest.raises(ScoreError, match="sum version 1 is refused: manifest.json"):
        choose(added.NAME, tmp_path, 1)


def test_what_only_triton_can_run_is_not_scored(tmp_path: Path, models: Path) -> None:
    shutil.copytree(models / "toy" / "1", tmp_path / "servable")
    (tmp_path / "servable" / "config.pbtxt").write_text("")
    sealed = servable.seal(tmp_path / "servable", servable.read_manifest(tmp_path / "servable"))
    repository.publish(tmp_path / "servable", tmp_path / "models", "toy", sealed.version)
    with pytest.raises(ScoreError, match="only Triton can run it"):
        asyncio.run(open_version(toy.app, 1, ModelRuntime(repository=str(tmp_path / "models"))))
