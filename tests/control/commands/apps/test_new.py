"""`slipway new` in a copy of the repository: its files are clean. `tests/test_tutorial.py` trains the app."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from control.new.template import render
from tests.control.new.from_file.tables import cells, churn
from training.onnx.triton import free_ports

NAMES = ("rainfall", "a1", "vendor_risk", "a" * 40)


@dataclass(frozen=True)
class Clone:
    """A copy of the repository, and the command line of Python in it."""

    folder: Path
    python: list[str]

    def run(self, *words: str, seconds: float = 60) -> subprocess.CompletedProcess[str]:
        """A module of Python, with the packages of the copy."""
        # Compiled once, not by every command and every process of Ray.
        environment = {**os.environ, "PYTHONPATH": str(self.folder), "PYTHONDONTWRITEBYTECODE": ""}
        python = self.python if words[0] == "control" else [sys.executable]
        line = [*python, "-m", *words]
        return subprocess.run(
            line, cwd=self.folder, env=environment, capture_output=True, text=True, timeout=seconds
        )

    def run_well(self, *words: str, seconds: float = 60) -> str:
        done = self.run(*words, seconds=seconds)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory, root: Path, warm_python: list[str]) -> Clone:
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
    return Clone(folder, warm_python)


def digests(clone: Path) -> dict[str, str]:
    caches = {".mypy_cache", "__pycache__"}
    files = [path for path in clone.rglob("*") if path.is_file() and not caches & set(path.parts)]
    return {path.relative_to(clone).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def remove(clone: Path, name: str) -> None:
    for parent in ("apps", "tests/apps", "model-repository"):
        shutil.rmtree(clone / parent / name, ignore_errors=True)


@pytest.mark.parametrize("name", NAMES)
def test_it_adds_the_clean_files_it_prints_and_changes_no_other(clone: Clone, name: str) -> None:
    before = digests(clone.folder)
    try:
        printed = json.loads(clone.run_well("control", "new", name, "--json"))
        after = digests(clone.folder)
        sources = [path for path in printed if path.endswith(".py")]
        clone.run_well("ruff", "check", "--no-cache", *sources)
        clone.run_well("ruff", "format", "--no-cache", "--check", *sources)
        assert {
            path: n for path in printed if (n := len((clone.folder / path).read_text().splitlines())) > 110
        } == {}
    finally:
        remove(clone.folder, name)
    assert {path: after[path] for path in before} == before
    added = after.keys() - before.keys()
    assert added == {*printed, f"model-repository/{name}/.lock"}
    assert set(render(name)) < set(printed)
    assert f"model-repository/{name}/config.pbtxt" in printed


def test_it_says_what_to_do_next(clone: Clone) -> None:
    try:
        done = clone.run("control", "new", "rainfall")
    finally:
        remove(clone.folder, "rainfall")
    assert done.stdout.splitlines()[0] == "apps/rainfall/README.md"
    assert "slipway train rainfall" in done.stderr
    assert "make test" in done.stderr


def test_a_refusal_is_one_line_and_exit_code_2(clone: Clone) -> None:
    before = digests(clone.folder)
    done = clone.run("control", "new", "price")
    assert done.returncode == 2
    assert done.stderr.startswith("error: an app 'price' already exists")
    assert digests(clone.folder) == before


@pytest.mark.parametrize("there", ["tests/apps/rainfall", "model-repository/rainfall"])
def test_it_never_overwrites(clone: Clone, there: str) -> None:
    (clone.folder / there).mkdir(parents=True)
    (clone.folder / there / "mine").write_text("mine")
    before = digests(clone.folder)
    try:
        done = clone.run("control", "new", "rainfall")
        assert done.returncode == 2
        assert f"{there} already exists" in done.stderr
        assert digests(clone.folder) == before
    finally:
        remove(clone.folder, "rainfall")


def test_a_failure_half_way_leaves_nothing(clone: Clone) -> None:
    (clone.folder / "model-repository").rmdir()
    (clone.folder / "model-repository").write_text("a file where a folder should be")
    before = digests(clone.folder)
    try:
        done = clone.run("control", "new", "rainfall")
        after = digests(clone.folder)
    finally:
        (clone.folder / "model-repository").unlink()
        (clone.folder / "model-repository").mkdir()
        shutil.rmtree(clone.folder / ".slipway", ignore_errors=True)
    assert done.returncode == 1
    assert {path for path in after if not path.startswith(".slipway/")} == before.keys()


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_new_app_is_typed_and_keeps_the_rules_of_the_architecture(clone: Clone, root: Path) -> None:
    # What mypy knows of the same files already; it looks whether they are the same.
    if (root / ".mypy_cache").is_dir():
        shutil.copytree(root / ".mypy_cache", clone.folder / ".mypy_cache")
    try:
        clone.run_well("control", "new", "rainfall")
        clone.run_well("mypy", "-p", "apps.rainfall", seconds=200)
        pytest_ = ("pytest", "-q", "-p", "no:cacheprovider", "--rootdir", ".")
        # The one that follows a request needs the tests of serving, and has no rule for apps.
        suites = ("tests/apps/rainfall", "tests/architecture", "--ignore=tests/architecture/test_request_path.py")
        done = clone.run_well(*pytest_, *suites, "-k", "rainfall", seconds=400)
        assert " passed" in done
        assert "skipped" not in done
    finally:
        remove(clone.folder, "rainfall")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--from", "rows.csv"), "--from needs --label, the column to predict"),
        (("--label", "churned"), "--label, --kind, --model, --decimal, --dates and --allow-column need --from"),
        (("--from", "rows.csv", "--label", "churned", "--kind", "guess"), "'guess' is not one of"),
    ],
)
def test_options_that_do_not_fit_together(clone: Clone, options: tuple[str, ...], said: str) -> None:
    before = digests(clone.folder)
    done = clone.run("control", "new", "rainfall", *options)
    assert done.returncode == 2 and said in " ".join(done.stderr.split())
    assert digests(clone.folder) == before


def test_a_file_without_the_label_is_refused_and_nothing_is_written(clone: Clone, tmp_path: Path) -> None:
    churn().to_csv(tmp_path / "rows.csv", index=False)
    before = digests(clone.folder)
    done = clone.run("control", "new", "rainfall", "--from", str(tmp_path / "rows.csv"), "--label", "gone")
    assert done.returncode == 2 and done.stderr.startswith(
        "error: rows.csv has no column 'gone'; give --label one of"
    )
    assert digests(clone.folder) == before


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_an_app_for_a_file_trains_on_it_and_answers(
    clone: Clone, tmp_path: Path, empty_database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path / "rows.csv"
    cells().to_csv(data, index=False)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{shutil.copy(empty_database, tmp_path / 'mlflow.db')}")
    monkeypatch.setenv("MLFLOW_DEFAULT_ARTIFACT_ROOT", str(tmp_path / "artifacts"))
    monkeypatch.setenv("SLIPWAY_HOME", str(tmp_path / "home"))
    for name, port in zip(("SLIPWAY_HTTP_PORT", "SLIPWAY_GRPC_PORT"), free_ports(2), strict=True):
        monkeypatch.setenv(name, str(port))
    try:
        done = clone.run("control", "new", "tumor", "--from", str(data), "--label", "diagnosis")
        assert "slipway train tumor --data" in done.stderr, done.stderr
        assert "the model (xgboost) reads 30 numbers" in done.stderr
        assert "split at random by a hash of the row, within each class" in done.stderr
        trained = json.loads(
            clone.run_well("control", "train", "tumor", "--data", str(data), "--json", seconds=300)
        )
        assert (trained["version"], trained["synthetic"]) == (1, False)
        (answer,) = json.loads(clone.run_well("control", "predict", "tumor", seconds=100))["predictions"]
        assert answer["label"] in ("benign", "malignant")
    finally:
        remove(clone.folder, "tumor")
