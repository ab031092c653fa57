"""`slipway new` in a copy of the repository: its files are clean. `tests/test_tutorial.py` trains the app."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from control.new.template import render

NAMES = ("rainfall", "a1", "vendor_risk", "a" * 40)


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Path:
    """The packages, the rules of the architecture, and an empty model repository."""
    folder = tmp_path_factory.mktemp("clone")
    # Modules that are compiled need not be so again; another worker may be writing one.
    unwanted = shutil.ignore_patterns(".*", "*.pyc.*")
    for name in ("apps", "serving", "training", "control", "tests/architecture"):
        shutil.copytree(root / name, folder / name, ignore=unwanted)
    helpers = [path.relative_to(root) for path in (root / "tests").glob("*.*")]
    for name in ("pyproject.toml", *helpers):
        shutil.copy(root / name, folder / name)
    (folder / "model-repository").mkdir()
    return folder


def run(clone: Path, *words: str, seconds: float = 60) -> subprocess.CompletedProcess[str]:
    """A module of this Python, with the packages of the copy."""
    # Compiled once, not by every command and every process of Ray.
    environment = {**os.environ, "PYTHONPATH": str(clone), "PYTHONDONTWRITEBYTECODE": ""}
    line = [sys.executable, "-m", *words]
    return subprocess.run(line, cwd=clone, env=environment, capture_output=True, text=True, timeout=seconds)


def run_well(clone: Path, *words: str, seconds: float = 60) -> str:
    done = run(clone, *words, seconds=seconds)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def digests(clone: Path) -> dict[str, str]:
    caches = {".mypy_cache", "__pycache__"}
    files = [path for path in clone.rglob("*") if path.is_file() and not caches & set(path.parts)]
    return {path.relative_to(clone).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def remove(clone: Path, name: str) -> None:
    for parent in ("apps", "tests/apps", "model-repository"):
        shutil.rmtree(clone / parent / name, ignore_errors=True)


@pytest.mark.parametrize("name", NAMES)
def test_it_adds_the_clean_files_it_prints_and_changes_no_other(clone: Path, name: str) -> None:
    before = digests(clone)
    try:
        printed = json.loads(run_well(clone, "control", "new", name, "--json"))
        after = digests(clone)
        sources = [path for path in printed if path.endswith(".py")]
        run_well(clone, "ruff", "check", "--no-cache", *sources)
        run_well(clone, "ruff", "format", "--no-cache", "--check", *sources)
        assert {path: n for path in printed if (n := len((clone / path).read_text().splitlines())) > 110} == {}
    finally:
        remove(clone, name)
    assert {path: after[path] for path in before} == before
    added = after.keys() - before.keys()
    assert added == {*printed, f"model-repository/{name}/.lock"}
    assert set(render(name)) < set(printed)
    assert f"model-repository/{name}/config.pbtxt" in printed


def test_it_says_what_to_do_next(clone: Path) -> None:
    try:
        done = run(clone, "control", "new", "rainfall")
    finally:
        remove(clone, "rainfall")
    assert done.stdout.splitlines()[0] == "apps/rainfall/README.md"
    assert "slipway train rainfall" in done.stderr
    assert "make test" in done.stderr


def test_a_refusal_is_one_line_and_exit_code_2(clone: Path) -> None:
    before = digests(clone)
    done = run(clone, "control", "new", "price")
    assert done.returncode == 2
    assert done.stderr.startswith("error: an app 'price' already exists")
    assert digests(clone) == before


@pytest.mark.parametrize("there", ["tests/apps/rainfall", "model-repository/rainfall"])
def test_it_never_overwrites(clone: Path, there: str) -> None:
    (clone / there).mkdir(parents=True)
    (clone / there / "mine").write_text("mine")
    before = digests(clone)
    try:
        done = run(clone, "control", "new", "rainfall")
        assert done.returncode == 2
        assert f"{there} already exists" in done.stderr
        assert digests(clone) == before
    finally:
        remove(clone, "rainfall")


def test_a_failure_half_way_leaves_nothing(clone: Path) -> None:
    (clone / "model-repository").rmdir()
    (clone / "model-repository").write_text("a file where a folder should be")
    before = digests(clone)
    try:
        done = run(clone, "control", "new", "rainfall")
        after = digests(clone)
    finally:
        (clone / "model-repository").unlink()
        (clone / "model-repository").mkdir()
        shutil.rmtree(clone / ".slipway", ignore_errors=True)
    assert done.returncode == 1
    assert {path for path in after if not path.startswith(".slipway/")} == before.keys()


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_new_app_is_typed_and_keeps_the_rules_of_the_architecture(clone: Path, root: Path) -> None:
    # What mypy knows of the same files already; it looks whether they are the same.
    if (root / ".mypy_cache").is_dir():
        shutil.copytree(root / ".mypy_cache", clone / ".mypy_cache")
    try:
        run_well(clone, "control", "new", "rainfall")
        run_well(clone, "mypy", "-p", "apps.rainfall", seconds=200)
        pytest_ = ("pytest", "-q", "-p", "no:cacheprovider", "--rootdir", ".")
        # The one that follows a request needs the tests of serving, and has no rule for apps.
        suites = ("tests/apps/rainfall", "tests/architecture", "--ignore=tests/architecture/test_request_path.py")
        done = run_well(clone, *pytest_, *suites, "-k", "rainfall", seconds=400)
        assert " passed" in done
        assert "skipped" not in done
    finally:
        remove(clone, "rainfall")
