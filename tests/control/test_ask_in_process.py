from __future__ import annotations

from pathlib import Path

import pytest

from control.ask_in_process import ask_in_process
from control.errors import StackError
from serving.kernel.find_app import find_app
from serving.kernel.settings import Settings
from tests.serving import added, toy
from tests.serving.models.toy.app import app


def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home", model_repository=tmp_path / "models")


def test_a_version_is_loaded_and_asked_without_a_server(tmp_path: Path) -> None:
    for version in (1, 2, 3):
        toy.write_version(tmp_path / "models", version, (float(version), 1.0))
    toy.write_aliases(tmp_path / "models", 2)
    for asked, answered in ((0, 2), (1, 1), (3, 3)):
        found = ask_in_process(settings(tmp_path), app, [{"a": 1.0, "b": 2.0}], asked, False, 30.0)
        assert found["predictions"] == [{"total": answered + 2.0}]
        assert found["model_version"] == str(answered)


def test_what_goes_wrong_has_the_status_of_the_door(tmp_path: Path) -> None:
    with pytest.raises(StackError, match="^503: toy has no version"):
        ask_in_process(settings(tmp_path), app, [{"a": 1.0}], 0, False, 30.0)
    with pytest.raises(StackError, match=r"^422: \$\.instances\[0\]\.a: required field is missing"):
        ask_in_process(settings(tmp_path), app, [{}], 0, False, 30.0)


def test_a_version_of_an_added_model_has_its_own_columns(tmp_path: Path) -> None:
    added.write_version(tmp_path / "models", 1, weights=(1, 10))
    added.write_version(tmp_path / "models", 2, names="pq")
    newest = find_app(added.NAME, tmp_path / "models")
    for version, record, total in ((1, {"a": 1, "b": 2}, 21.0), (2, {"p": 1, "q": 2}, 3.0), (1, [1, 2], 21.0)):
        found = ask_in_process(settings(tmp_path), newest, [record], version, False, 30.0)
        assert (found["predictions"], found["model_version"]) == ([{"total": total}], str(version))
    with pytest.raises(StackError, match=r"^422: \$\.instances\[1\]\.r: not a known field; allowed: p, q$"):
        ask_in_process(settings(tmp_path), newest, [[1, 2], {"p": 1, "r": 2}], 2, False, 30.0)
    with pytest.raises(StackError, match="^404: sum does not explain its answers"):
        ask_in_process(settings(tmp_path), newest, [[1, 2]], 0, True, 30.0)
