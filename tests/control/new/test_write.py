from __future__ import annotations

from pathlib import Path

import pytest

from control.errors import NewAppError
from control.new.template import render
from control.new.write import repository_root, write


def test_the_root_is_the_clone(root: Path) -> None:
    assert repository_root() == root


@pytest.mark.parametrize("there", ["apps/rainfall", "tests/apps/rainfall", "model-repository/rainfall"])
def test_nothing_that_exists_is_touched(tmp_path: Path, there: str) -> None:
    (tmp_path / there).mkdir(parents=True)
    with pytest.raises(NewAppError, match=f"^{there} already exists"):
        write(tmp_path, "rainfall", render("rainfall"))
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_when_the_app_cannot_be_imported_all_is_removed_again(tmp_path: Path) -> None:
    """This Python does not import apps from the temporary folder, so the configuration cannot be generated."""
    with pytest.raises(LookupError, match="rainfall"):
        write(tmp_path, "rainfall", render("rainfall"))
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    assert [path for path in tmp_path.rglob("*") if "rainfall" in path.name or path.name.startswith(".new")] == []
