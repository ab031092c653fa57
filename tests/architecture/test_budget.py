"""The size budget: short functions, short modules, everything typed and documented, tests that mirror the code."""

from __future__ import annotations

import ast
import io
import re
import statistics
import tokenize

import pytest

from tests.architecture.source import PACKAGES, ROOT, code_modules, functions, lines, modules, modules_of, parts

BROAD = {"Exception", "BaseException"}


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


@pytest.mark.parametrize("part", parts(*PACKAGES))
def test_everything_is_typed(part: str) -> None:
    untyped = []
    for path, tree in modules_of(part).items():
        for node in functions(tree):
            arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            arguments += [extra for extra in (node.args.vararg, node.args.kwarg) if extra]
            bare = [a.arg for a in arguments if a.annotation is None and a.arg not in ("self", "cls")]
            if bare or node.returns is None:
                untyped.append(f"{path}:{node.lineno} {node.name} {bare}")
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


def missing_names(tree: ast.Module) -> set[str]:
    """Those names of `__all__` that the module does not define."""
    listed = [
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__"
    ]
    defined = {getattr(item, "name", None) for item in tree.body}
    defined |= {
        target.id
        for item in tree.body
        if isinstance(item, (ast.Assign, ast.AnnAssign))
        for target in ast.walk(item.targets[0] if isinstance(item, ast.Assign) else item.target)
        if isinstance(target, ast.Name)
    }
    return {name for names in listed for name in names} - defined


@pytest.mark.parametrize("part", parts(*PACKAGES))
def test_listed_public_names_exist(part: str) -> None:
    code = {path: tree for path, tree in modules_of(part).items() if not path.endswith("__init__.py")}
    assert {path: missing for path, tree in code.items() if (missing := missing_names(tree))} == {}


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


def broad_excepts(source: str, tree: ast.Module) -> list[tuple[int, str]]:
    """Line and comment of every handler of all exceptions; without the linter's own words in the comment."""
    handlers = [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or BROAD & set(re.findall(r"\w+", ast.unparse(node.type))))
    ]
    # Comments are not in the tree, and looking for them takes longest.
    comments = comments_of(source) if handlers else {}
    return [(line, comments.get(line, "")) for line in handlers]


def comments_of(source: str) -> dict[int, str]:
    """Line -> its comment."""
    return {
        token.start[0]: re.sub(r"noqa(: *[A-Z]+\d+(, *[A-Z]+\d+)*)?", "", token.string).strip("# -:")
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type == tokenize.COMMENT
    }


def test_a_broad_except_has_its_reason_beside_it_and_is_the_only_one() -> None:
    found = {path: broad_excepts((ROOT / path).read_text(), tree) for path, tree in modules().items()}
    bare = {path: lines for path, lines in found.items() if any(len(reason.split()) < 3 for _, reason in lines)}
    assert bare == {}
    assert {path for path, lines in found.items() if len(lines) > 1} == set()


@pytest.mark.parametrize(
    ("handler", "reason"),
    [
        ("except:", ""),
        ("except Exception:", ""),
        ("except BaseException as error:  # noqa: BLE001", ""),
        ("except (OSError, Exception):  # noqa: BLE001, S110 - anything may come", "anything may come"),
        ("except builtins.Exception:", ""),
        ("except OSError:", None),
    ],
)
def test_the_rule_sees_every_form_of_a_broad_except(handler: str, reason: str | None) -> None:
    source = f"try:\n    pass\n{handler}\n    pass\n"
    found = broad_excepts(source, ast.parse(source))
    assert found == ([] if reason is None else [(3, reason)])
