from __future__ import annotations

from pathlib import Path

import pytest

from control.errors import PackageError
from control.package.chosen import choose, fresh


def test_the_champion_else_the_newest(models: Path, shop: str) -> None:
    champion = choose(models, shop)
    assert (champion.version, champion.label, champion.package) == (2, "basket-2", "shop.apps.basket")
    assert champion.folder == models / "basket" / "2"
    assert choose(models, shop, alias="champion").version == 2
    assert choose(models, shop, 5).version == 5
    (models / "basket" / "aliases.json").unlink()
    assert choose(models, shop).version == 5


@pytest.mark.parametrize(
    "asked, message",
    [
        ({"version": 3}, "basket has no version 3 in .*; available: 2, 5"),
        ({"alias": "challenger"}, "basket has no challenger; `slipway models basket`"),
        ({"alias": "best"}, "--alias 'best': expected one of champion, challenger"),
        ({"version": 2, "alias": "champion"}, "give --version or --alias, not both"),
    ],
)
def test_what_is_not_there_is_refused(models: Path, shop: str, asked: dict[str, int | str], message: str) -> None:
    with pytest.raises(PackageError, match=message):
        choose(models, shop, **asked)  # type: ignore[arg-type]


def test_unknown_apps_and_empty_repositories_are_refused(models: Path, shop: str, tmp_path: Path) -> None:
    with pytest.raises(PackageError, match="there is no app 'nothing'; there are: "):
        choose(models, "nothing")
    with pytest.raises(PackageError, match=r"no published version in .*; `slipway train basket` makes one"):
        choose(tmp_path / "empty", shop)


def test_files_that_are_not_what_was_published_are_refused(models: Path, shop: str) -> None:
    (models / "basket" / "2" / "model.onnx").write_bytes(b"other")
    message = r"model\.onnx: sha256 is .*`slipway repository sync basket`"
    with pytest.raises(PackageError, match=message):
        choose(models, shop)


def test_nothing_is_written_over(tmp_path: Path) -> None:
    assert fresh(tmp_path / "new" / "one") == tmp_path / "new" / "one"
    (tmp_path / "there").mkdir()
    with pytest.raises(PackageError, match="already exists; remove it or give another --out"):
        fresh(tmp_path / "there")


def test_a_folder_that_cannot_be_made_is_told_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(PackageError, match=r"--out .*file/out: the folder cannot be created: Not a directory"):
        fresh(tmp_path / "file" / "out" / "one")
