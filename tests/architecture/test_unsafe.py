"""What runs somebody's code is where it is said to be: pickles, `eval`, shells, YAML with objects, archives."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PARTS = ("apps", "control", "serving", "slipway_client", "training")
PICKLES = {"cloudpickle", "dill", "joblib", "marshal", "pickle", "shelve"}
CALLS = {"eval", "exec", "os.popen", "os.system", "tempfile.mktemp", "yaml.load", "yaml.unsafe_load"}
ARGUMENTS = {"allow_pickle": True, "shell": True, "weights_only": False}
ALLOWED = {
    "training/added/sources/converters/sklearn_open.py": {"joblib", "pickle"},
    "training/added/sources/converters/torch_model.py": {"weights_only=False"},
}
"""Opened with `--trust` only, in a process without network: see ADR 32."""


def name_of(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return f"{name_of(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def unsafe(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (one.name for one in node.names if one.name.partition(".")[0] in PICKLES)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] in PICKLES:
            yield node.module or ""
        elif isinstance(node, ast.Call):
            if (called := name_of(node.func)) in CALLS:
                yield called
            for given in node.keywords:
                value = given.value.value if isinstance(given.value, ast.Constant) else None
                if given.arg in ARGUMENTS and value is ARGUMENTS[given.arg]:
                    yield f"{given.arg}={value}"
            if called.endswith(".extractall") and "filter" not in {given.arg for given in node.keywords}:
                yield "extractall without filter"


@pytest.mark.parametrize("part", PARTS)
def test_nothing_else_opens_what_may_run_code(root: Path, part: str) -> None:
    found = {}
    for path in sorted((root / part).rglob("*.py")):
        here = set(unsafe(ast.parse(path.read_text())))
        name = path.relative_to(root).as_posix()
        if here - ALLOWED.get(name, set()):
            found[name] = sorted(here)
    assert found == {}


def test_the_exceptions_are_still_there(root: Path) -> None:
    for name, allowed in ALLOWED.items():
        assert set(unsafe(ast.parse((root / name).read_text()))) == allowed


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import pickle as p", ["pickle"]),
        ("from joblib import load", ["joblib"]),
        ("eval('1')", ["eval"]),
        ("yaml.load(text)", ["yaml.load"]),
        ("subprocess.run('ls', shell=True)", ["shell=True"]),
        ("np.load(path, allow_pickle=True)", ["allow_pickle=True"]),
        ("archive.extractall(folder)", ["extractall without filter"]),
        ("archive.extractall(folder, filter='data'); yaml.safe_load(text); run(shell=False)", []),
    ],
)
def test_each_kind_is_found(source: str, found: list[str]) -> None:
    assert list(unsafe(ast.parse(source))) == found
