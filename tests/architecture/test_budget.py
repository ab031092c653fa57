"""The size budget: short functions, short modules, everything typed and documented, tests that mirror the code."""

from __future__ import annotations

import ast
import statistics

import pytest

from tests.architecture.source import ROOT, code_modules, functions, lines, modules


def length(node: ast.AST) -> int:
    return (node.end_lineno or 0) - node.lineno + 1  # type: ignore[attr-defined]


def test_functions_are_short() -> None:
    sizes = sorted(length(node) for tree in modules().values() for node in functions(tree))
    assert sizes[-1] <= 80
    assert sizes[int(len(sizes) * 0.9)] <= 30


def test_modules_are_short() -> None:
    sizes = {path: lines(path) for path in code_modules()}
    assert {path: size for path, size in sizes.items() if size > 400} == {}
    assert statistics.median(sizes.values()) <= 150


@pytest.mark.parametrize("path", list(modules()))
def test_everything_is_typed(path: str) -> None:
    untyped = []
    for node in functions(modules()[path]):
        arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        arguments += [extra for extra in (node.args.vararg, node.args.kwarg) if extra]
        bare = [a.arg for a in arguments if a.annotation is None and a.arg not in ("self", "cls")]
        if bare or node.returns is None:
            untyped.append(f"{node.name}:{node.lineno} {bare}")
    assert untyped == []


def test_public_names_are_documented() -> None:
    public, bare = 0, []
    for path, tree in modules().items():
        bodies = [tree, *(node for node in tree.body if isinstance(node, ast.ClassDef) and node.name[0] != "_")]
        for body in bodies:
            for node in body.body:
                if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)) and node.name[0] != "_":
                    public += 1
                    if not ast.get_docstring(node):
                        bare.append(f"{path}:{node.name}")
    assert len(bare) <= 0.1 * public, bare


@pytest.mark.parametrize("path", code_modules())
def test_listed_public_names_exist(path: str) -> None:
    for node in modules()[path].body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__":
            names = ast.literal_eval(node.value)
            defined = {getattr(item, "name", None) for item in modules()[path].body}
            defined |= {
                target.id
                for item in modules()[path].body
                if isinstance(item, (ast.Assign, ast.AnnAssign))
                for target in ast.walk(item.targets[0] if isinstance(item, ast.Assign) else item.target)
                if isinstance(target, ast.Name)
            }
            assert set(names) <= defined
            return


def unmirrored(paths: list[str]) -> list[str]:
    """Those of the modules that no test file of the same path and name is for."""
    parts = {path: path.rpartition("/") for path in paths}
    return [
        path
        for path, (folder, _, name) in parts.items()
        if not (ROOT / "tests" / folder / f"test_{name}").exists()
    ]


def test_every_module_of_serving_has_its_test() -> None:
    paths = [path for path in code_modules() if path.startswith("serving/")]
    assert unmirrored(paths) == []


def test_tests_mirror_the_code() -> None:
    # Apps are covered by tests/contract, whatever tests of their own they have.
    paths = [
        path for path in code_modules() if not path.startswith(("apps/", "benchmarks/peers/", "benchmarks/apps/"))
    ]
    missing = unmirrored(paths)
    assert len(missing) <= 0.25 * len(paths), missing


def test_one_broad_except_per_process_edge() -> None:
    """A broad except needs a reason beside it, and there are few."""
    broad = []
    for path in modules():
        for number, line in enumerate((ROOT / path).read_text().splitlines(), 1):
            if "BLE001" in line:
                broad.append((path, number, line.partition("BLE001")[2].strip(" -")))
    assert all(reason for _, _, reason in broad), broad
    assert len({path for path, _, _ in broad}) == len(broad), "more than one in a file"
