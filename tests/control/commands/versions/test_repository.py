"""`slipway repository sync` from the shell; tests/training/publish/test_repository_copy.py has its promises."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.control.conftest import Slipway
from tests.serving.toy import write_aliases, write_version
from tests.store import SECRET, Store


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    write_version(tmp_path / "repo", 1)
    write_aliases(tmp_path / "repo", 1)
    return tmp_path / "repo"


def test_a_repository_goes_to_a_bucket_and_comes_back(
    slipway: Slipway, repo: Path, store: Store, tmp_path: Path
) -> None:
    aws = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
    url = f"{store.make('models')}/live"
    done = slipway.run("repository", "sync", str(repo), url, "--json", **aws)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [{"app": "toy", "version": 1, "action": "written"}]
    back = slipway.run("repository", "sync", url, str(tmp_path / "back"), "--app", "toy", **aws)
    assert "written" in back.stdout
    assert slipway.run("repository", "verify", SLIPWAY_MODEL_REPOSITORY=str(tmp_path / "back")).returncode == 0
    away = slipway.run("repository", "sync", "s3://nowhere", str(tmp_path / "x"), **aws)
    assert away.returncode == 6
    assert away.stderr.startswith("error: s3://nowhere: there is no such bucket") and SECRET not in away.stderr


def test_a_copy_can_go_on_for_ever(slipway: Slipway, repo: Path, tmp_path: Path) -> None:
    process = slipway.begin("repository", "sync", str(repo), str(tmp_path / "there"), "--every", "0.05")
    assert process.stdout is not None
    seen = ""
    while "kept" not in seen:
        line = process.stdout.readline()
        assert line, "it ended by itself"
        seen += line
    process.terminate()
    process.wait(60)
    assert "written" in seen


@pytest.mark.parametrize(
    "words",
    [
        ("price", "--app", "price"),
        ("--every", "5"),
        ("s3://models/live",),
        ("./folder",),
        ("a", "b", "--every", "-1"),
    ],
)
def test_what_makes_no_sense_is_refused(slipway: Slipway, words: tuple[str, ...]) -> None:
    done = slipway.run("repository", "sync", *words)
    assert done.returncode == 2, done.stdout


@pytest.mark.parametrize(
    ("source", "target", "code", "said"),
    [
        ("none", "there", 1, "none: holds no version of any app"),
        ("gs://models", "there", 6, "expected a local folder or s3://bucket/prefix"),
        ("s3://me:hunter2@models", "there", 6, "credentials do not belong in a URL"),
    ],
)
def test_a_bad_place_is_named(
    slipway: Slipway, tmp_path: Path, source: str, target: str, code: int, said: str
) -> None:
    done = slipway.run("repository", "sync", source, str(tmp_path / target))
    assert done.returncode == code and said in done.stderr and "hunter2" not in done.stderr
