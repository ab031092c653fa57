from __future__ import annotations

import os
from pathlib import Path

import pytest

from serving.kernel.storage.model_repository import Repository
from serving.kernel.storage.version_files import Refused
from serving.kernel.storage.version_manifest import Aliases
from tests.serving import toy


def test_versions_are_numbers_in_order_and_leftovers_are_ignored(tmp_path: Path) -> None:
    for version in (10, 2, 1):
        toy.write_version(tmp_path, version)
    (tmp_path / "toy" / ".tmp-11").mkdir()
    (tmp_path / "toy" / "config.pbtxt").touch()
    (tmp_path / "toy" / "12").touch()
    assert Repository(tmp_path).versions("toy") == [1, 2, 10]
    assert Repository(tmp_path).versions("other") == []


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda f: (f / "golden.jsonl").unlink(), "golden.jsonl is missing"),
        (lambda f: (f / "more.txt").touch(), "more.txt is not in the manifest"),
        (lambda f: (f / "golden.jsonl").write_text("{}"), "golden.jsonl: sha256 is"),
        (lambda f: (f / "manifest.json").write_text("{"), "manifest.json: Input data was truncated"),
        (lambda f: (f / "manifest.json").unlink(), "manifest.json: "),
    ],
)
def test_any_damage_is_refused_by_name(tmp_path: Path, damage: object, message: str) -> None:
    folder = toy.write_version(tmp_path, 1)
    Repository(tmp_path).verify("toy", 1)
    damage(folder)  # type: ignore[operator]
    with pytest.raises(Refused, match=message):
        Repository(tmp_path).verify("toy", 1)


def test_a_folder_under_another_number_is_refused(tmp_path: Path) -> None:
    folder = toy.write_version(tmp_path, 1)
    os.rename(folder, folder.parent / "2")
    with pytest.raises(Refused, match="manifest.json is of toy version 1"):
        Repository(tmp_path).verify("toy", 2)


def test_a_symlink_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    folder = toy.write_version(tmp_path, 1)
    (folder / "sneaky").symlink_to("/etc/hostname")
    with pytest.raises(Refused, match="sneaky is a symbolic link"):
        Repository(tmp_path).verify("toy", 1)


def test_aliases(tmp_path: Path) -> None:
    toy.write_version(tmp_path, 1)
    assert Repository(tmp_path).aliases("toy") == Aliases()
    toy.write_aliases(tmp_path, 1, 2)
    assert Repository(tmp_path).aliases("toy") == Aliases(1, 2)
    (tmp_path / "toy" / "aliases.json").write_text('{"champion": "one"}')
    with pytest.raises(Refused, match="champion"):
        Repository(tmp_path).aliases("toy")
