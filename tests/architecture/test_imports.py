"""Imports go one way: serving <- training <- control. Apps never import other apps."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from tests.architecture.source import imports, is_training_side, modules

HEAVY = ("mlflow", "ray.train", "ray.tune", "torch", "evidently", "pandas", "pandera", "matplotlib", "sqlalchemy")
OPTIONAL = {"sqlalchemy": "serving/features/engine.py"}
"""What one module of the data plane imports when a setting asks for it."""


def violations(path: str, forbidden: tuple[str, ...]) -> list[str]:
    names = imports(modules()[path])
    return [n for n in names if any(n == f or n.startswith(f + ".") for f in forbidden)]


@pytest.mark.parametrize("path", [p for p in modules() if p.startswith("serving/") and not is_training_side(p)])
def test_serving_imports_nothing_of_training_or_control(path: str) -> None:
    heavy = tuple(name for name in HEAVY if path != OPTIONAL.get(name))
    assert violations(path, ("training", "control", *heavy)) == []


@pytest.mark.parametrize("path", [p for p in modules() if p.startswith("training/") or is_training_side(p)])
def test_training_imports_nothing_of_control(path: str) -> None:
    assert violations(path, ("control",)) == []


@pytest.mark.parametrize("path", [p for p in modules() if p.startswith("serving/apps/") and p.count("/") > 2])
def test_apps_do_not_import_other_apps(path: str) -> None:
    app = path.split("/")[2]
    others = [n for n in imports(modules()[path]) if re.match(rf"serving\.apps\.(?!{app}\b)", n)]
    assert others == []


def test_only_the_registry_imports_mlflow() -> None:
    users = {path for path, tree in modules().items() if any(n.split(".")[0] == "mlflow" for n in imports(tree))}
    assert all(path.startswith("training/registry") or path.startswith("training/mlflow") for path in users), users


def test_serving_really_runs_without_the_heavy_libraries() -> None:
    code = (
        "import sys, serving.app\n"
        "from serving.routing.catalog import find_apps\n"
        "find_apps()\n"
        f"heavy = {[name for name in HEAVY if '.' not in name and name != 'pandas']!r}\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.stdout.strip().splitlines()[-1:] == ["[]"], done.stdout + done.stderr
