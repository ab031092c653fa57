"""The packages' sources, parsed once."""

from __future__ import annotations

import ast
import gc
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("apps", "serving", "slipway_client", "training", "control", "benchmarks")

Function = ast.FunctionDef | ast.AsyncFunctionDef


@cache
def paths() -> tuple[str, ...]:
    """Every module, by its path below the root. Nothing is parsed: each worker collects all tests."""
    found = sorted(path.relative_to(ROOT) for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
    # `pip install ./slipway_client` leaves copies.
    return tuple(path.as_posix() for path in found if path.parts[1] != "build")


@cache
def modules() -> dict[str, ast.Module]:
    """Path below the root -> syntax tree."""
    # The collector would visit half a million nodes again and again, and find nothing.
    gc.disable()
    try:
        return {path: ast.parse((ROOT / path).read_text()) for path in paths()}
    finally:
        gc.freeze()
        gc.enable()


def part_of(path: str) -> str:
    """`apps/price` for a module of that app, else the package: what a rule names in the name of its test."""
    package, *folders = path.split("/")[:-1]
    return f"apps/{folders[0]}" if package == "apps" and folders else package


def parts(*packages: str) -> list[str]:
    """The parts in these packages; each app is one. A test for each, not for each module: pytest takes longer."""
    return sorted({part_of(path) for path in paths() if path.startswith(tuple(f"{name}/" for name in packages))})


def modules_of(name: str) -> dict[str, ast.Module]:
    """Those of the modules that are in this part."""
    return {path: tree for path, tree in modules().items() if part_of(path) == name}


def code_modules() -> list[str]:
    """Paths of the modules that are not a package's `__init__.py`."""
    return [path for path in paths() if not path.endswith("__init__.py")]


def lines(path: str) -> int:
    return len((ROOT / path).read_text().splitlines())


def functions(tree: ast.Module) -> list[Function]:
    return [node for node in ast.walk(tree) if isinstance(node, Function)]


def imports(tree: ast.Module) -> set[str]:
    """Dotted names of everything a module imports, at any depth."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def dotted(path: str) -> str:
    """`serving/edge/application.py` to `serving.edge.application`."""
    name = path.removesuffix(".py").replace("/", ".")
    return name.removesuffix(".__init__")


@cache
def graph() -> dict[str, set[str]]:
    """Module -> the modules of this repository that it imports, for type checking too."""
    names = {dotted(path): path for path in paths()}

    def known(name: str) -> str | None:
        """The module itself, or the one that the imported name is in."""
        return name if name in names else parent if (parent := name.rpartition(".")[0]) in names else None

    return {
        name: {found for imported in imports(modules()[path]) if (found := known(imported)) and found != name}
        for name, path in names.items()
    }
