"""The notebooks of `docs/notebooks`, run from top to bottom: each prints what it says that it prints."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from apps.vendor.app import app
from tests.notebook import cells, execute, same, text_of
from tests.trained import Trained
from training.recipe import RecipeOptions
from training.registry.mlflow_registry import Registry
from training.run import TrainRequest, train

SECONDS = 120
"""For one notebook: other tests run beside it."""


@pytest.fixture
def check(warm_python: list[str], tmp_path: Path, root: Path) -> Callable[..., None]:
    """Runs a notebook and compares what its cells print with what it declares."""
    script = tmp_path / "bin" / "slipway"
    script.parent.mkdir()
    script.write_text(f'#!/bin/sh\nexec {shlex.join(warm_python)} -m control "$@"\n')
    script.chmod(0o755)

    def run(name: str, **environ: str) -> None:
        path = root / "docs" / "notebooks" / name
        own = {"PATH": f"{script.parent}:{os.environ['PATH']}", "PYTHONPATH": str(root), "TMPDIR": str(tmp_path)}
        done = subprocess.run(
            [*warm_python, "-m", "tests.notebook", str(path)],
            cwd=tmp_path,
            env={**os.environ, **own, **environ},
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        declared = list(map(text_of, cells(json.loads(path.read_text()))))
        for number, (wanted, found) in enumerate(zip(declared, json.loads(done.stdout), strict=True)):
            assert same(wanted, found), f"cell {number + 1} declares:\n{wanted}\nand gives:\n{found}"

    return run


def test_add_a_model(check: Callable[..., None], tmp_path: Path, empty_database: Path) -> None:
    database = shutil.copy(empty_database, tmp_path / "mlflow.db")
    check("add_a_model.ipynb", MLFLOW_TRACKING_URI=f"sqlite:///{database}")


@pytest.mark.slow
def test_gate_and_compare(
    check: Callable[..., None], trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Version 1 is the one of all tests, version 2 is trained on other data here."""
    trained.version(app)
    models, database = tmp_path / "models", tmp_path / "mlflow.db"
    shutil.copytree(trained.repository.root / app.name, models / app.name)
    shutil.copy(trained.folder / f"{app.name}.db", database)
    monkeypatch.chdir(tmp_path)
    request = TrainRequest(
        app=app.name, repository=models, home=tmp_path / "home", options=RecipeOptions(seed=8), triton=False
    )
    train(request, Registry(f"sqlite:///{database}"))
    check(
        "gate_and_compare.ipynb",
        SLIPWAY_MODEL_REPOSITORY=str(models),
        SLIPWAY_HOME=str(tmp_path / "home"),
        MLFLOW_TRACKING_URI=f"sqlite:///{database}",
    )


def test_every_notebook_has_its_test(root: Path) -> None:
    text = Path(__file__).read_text()
    names = [path.name for path in (root / "docs" / "notebooks").glob("*.ipynb")]
    assert names and [name for name in names if f'"{name}"' not in text] == []


@pytest.mark.parametrize(
    ("declared", "found", "alike"),
    [
        ("a  0.5 row", "a 0.51\nrow", True),
        ("a 0.5", "a 0.6", False),
        ("a 0.5", "b 0.5", False),
        ("a 1", "a 1 2", False),
        ("differs by 0", "differs by 6e-08", True),
        ("takes 0.02 ms, c1", "takes 31 ms, c1", True),
        ("takes 0.02 kg", "takes 31 kg", False),
        ("c1 2026-01-01T00:00:00Z", "c1 2027-12-31T10:20:30Z", True),
        ("[-1, 4]", "[1, 4]", False),
    ],
)
def test_texts_are_compared_by_words_and_about_by_numbers(declared: str, found: str, alike: bool) -> None:
    assert same(declared, found) is alike


def notebook(*sources: str) -> dict[str, Any]:
    return {"cells": [{"cell_type": "code", "source": source.splitlines(keepends=True)} for source in sources]}


def test_cells_share_their_names_and_show_what_they_print_and_return() -> None:
    outputs = execute(notebook("a = 2\nprint(a)\na + 1", "!echo from the shell", "f'{a}'"))
    texts = [text_of({"outputs": found}) for found in outputs]
    assert texts == ["2\n3", "from the shell\n", "'2'"]


def test_a_shell_command_that_fails_ends_the_run() -> None:
    with pytest.raises(RuntimeError, match=r"`false` ended with 1"):
        execute(notebook("!false"))
