"""Added models of a repository are found by what their manifests say."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from serving.kernel.added.find import AddedModels, find_added
from serving.kernel.find_app import find_app, find_deployed, find_served
from serving.kernel.settings import Settings
from serving.kernel.storage.model_repository import Repository
from serving.kernel.storage.version_files import encode_aliases
from serving.kernel.storage.version_manifest import Aliases
from tests.serving import added, toy


def test_the_champion_decides_what_the_columns_are(tmp_path: Path) -> None:
    added.write_version(tmp_path, 1, names="ab")
    added.write_version(tmp_path, 2, names="pq")
    app = find_added(tmp_path, added.NAME)
    assert app is not None and app.feature_names == ("p", "q")
    (tmp_path / added.NAME / "aliases.json").write_bytes(encode_aliases(Aliases(champion=1)))
    app = find_added(tmp_path, added.NAME)
    assert app is not None and app.feature_names == ("a", "b")
    (tmp_path / added.NAME / "1" / "manifest.json").write_text("{")
    app = find_added(tmp_path, added.NAME)
    assert app is not None and app.feature_names == ("p", "q"), "the newest that can be read"


def test_folders_of_apps_and_of_others_are_none_of_them(tmp_path: Path) -> None:
    added.write_version(tmp_path, 1)
    toy.write_version(tmp_path, 1)
    (tmp_path / "price").mkdir()
    (tmp_path / ".tmp-x").mkdir()
    subject = AddedModels(Repository(tmp_path), {"price"})
    assert subject.names() == [added.NAME, "toy"]
    assert subject.app("toy") is None
    assert subject.app(added.NAME) is not None
    assert AddedModels(Repository(tmp_path), {"price"}, ["other"]).names() == []


def test_a_folder_is_looked_at_again_when_its_versions_change(tmp_path: Path) -> None:
    subject = AddedModels(Repository(tmp_path), set())
    (tmp_path / added.NAME).mkdir()
    assert subject.app(added.NAME) is None
    added.write_version(tmp_path, 1)
    assert subject.app(added.NAME) is not None


@pytest.mark.parametrize(
    ("written", "damaged"),
    [('"FP32"', '"FP31"'), ('"name": "b"', '"name": "a"')],
    ids=["a datatype that does not exist", "two columns of one name"],
)
def test_a_damaged_manifest_hides_its_version_alone(tmp_path: Path, written: str, damaged: str) -> None:
    folder = added.write_version(tmp_path, 1)
    text = (folder / "manifest.json").read_text()
    assert written in text
    (folder / "manifest.json").write_text(text.replace(written, damaged))
    assert AddedModels(Repository(tmp_path), set()).app(added.NAME) is None
    added.write_version(tmp_path, 2, names="pq")
    app = AddedModels(Repository(tmp_path), set()).app(added.NAME)
    assert app is not None and app.feature_names == ("p", "q")


def test_an_added_model_is_found_by_its_name_where_apps_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    added.write_version(tmp_path, 1)
    monkeypatch.setenv("SLIPWAY_MODEL_REPOSITORY", str(tmp_path))
    assert find_app(added.NAME).home == tmp_path / added.NAME
    assert find_app("price").home is None
    shutil.rmtree(tmp_path / added.NAME)
    with pytest.raises(LookupError, match="there is no app 'sum'"):
        find_app(added.NAME)


def test_listed_names_are_apps_or_added_models(tmp_path: Path) -> None:
    added.write_version(tmp_path, 1)
    (tmp_path / "price").mkdir()
    apps, models = find_served(Settings(model_repository=tmp_path, apps=("price", added.NAME)))
    assert ([app.name for app in apps], models) == (["price"], (added.NAME,))
    apps, models = find_served(Settings(model_repository=tmp_path))
    assert "fraud" in [app.name for app in apps] and models is None
    assert find_served(Settings(model_repository=tmp_path, apps=(added.NAME,))) == ((), (added.NAME,))
    with pytest.raises(LookupError, match="there is no app 'prise'"):
        find_served(Settings(model_repository=tmp_path, apps=("prise",)))


def test_each_version_has_an_app_of_its_own(tmp_path: Path) -> None:
    added.write_version(tmp_path, 1, names="ab")
    added.write_version(tmp_path, 2, names="pq")
    assert find_app(added.NAME, tmp_path).feature_names == ("p", "q")
    assert find_app(added.NAME, tmp_path, 1).feature_names == ("a", "b")
    assert find_app(added.NAME, tmp_path).qualified_name == added.NAME, "it has no package"
    with pytest.raises(LookupError, match="sum has no version 3 in the model repository"):
        find_app(added.NAME, tmp_path, 3)
    assert find_added(tmp_path, "../sum") is None


def test_values_of_added_models_count_when_a_gateway_is_deployed(tmp_path: Path) -> None:
    added.write_version(tmp_path, 1)
    settings = Settings(model_repository=tmp_path, apps=("price", added.NAME))
    assert [app.name for app in find_deployed(settings)] == ["price", added.NAME]
    assert added.NAME in [app.name for app in find_deployed(Settings(model_repository=tmp_path))]
    assert [app.name for app in find_deployed(Settings(model_repository=tmp_path, apps=("price",)))] == ["price"]
    (tmp_path / added.NAME / "values.yaml").write_text("batch: 1\n")
    assert [app.name for app in find_deployed(settings)] == ["price"], "it concerns its callers alone"
