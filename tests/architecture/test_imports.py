"""Imports go one way, from the kernel up. `LAYERS` has the rule of each folder."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from tests.architecture.source import (
    PACKAGES,
    code_modules,
    dotted,
    graph,
    imports,
    modules,
    modules_of,
    part_of,
    parts,
    paths,
)

LAYERS: dict[str, tuple[str, ...]] = {
    "serving/kernel": (),
    "serving/observe": ("serving/kernel",),
    "serving/models": ("serving/kernel", "serving/observe"),
    "serving/records": ("serving/kernel", "serving/observe"),
    "serving/edge": ("serving/kernel", "serving/observe", "serving/models", "serving/records"),
    "serving/hosting": ("serving/kernel", "serving/observe", "serving/models", "serving/records", "serving/edge"),
    "apps/*/serve": ("serving/kernel", "apps/*"),
    "apps/*/train": ("serving/kernel", "apps/*", "apps/*/serve", "training"),
    "apps/*": ("serving/kernel", "apps/*/serve"),
    # Scoring whole files runs versions by the very code that serves them.
    "training/score": ("serving/kernel", "serving/models", "training"),
    # Parity of an added model is proved with the engine of the gateway.
    "training/added": ("serving/kernel", "serving/models", "training"),
    "training": ("serving/kernel", "training/score"),
    # Callers install it without the rest.
    "slipway_client": (),
}
"""Folder -> the folders that its modules may import besides their own. `*` stands for one app, the same in a rule.

`control` imports anything; `serving/__main__.py` starts `serving/hosting`.
"""
HEAVY = ("mlflow", "ray.train", "ray.tune", "torch", "evidently", "pandas", "pandera", "matplotlib", "sqlalchemy")
OPTIONAL = {"sqlalchemy": "serving/records/pool.py"}
"""What one module of the data plane imports when a setting asks for it."""
MOST_MODULES = 12


def layer(path: str) -> str:
    """The folder of `LAYERS` that a module belongs to; empty for `control` and the like."""
    parts = path.split("/")
    if parts[0] == "apps" and len(parts) > 2:
        parts[1] = "*"
    folders = ("/".join(parts[:count]) for count in range(len(parts) - 1, 0, -1))
    return next((folder for folder in folders if folder in LAYERS), "")


def path_of(module: str) -> str:
    """The path of a module of `graph()`."""
    path = module.replace(".", "/")
    return f"{path}.py" if f"{path}.py" in paths() else f"{path}/__init__.py"


def violations(path: str, forbidden: tuple[str, ...]) -> list[str]:
    names = imports(modules()[path])
    return [n for n in names if any(n == f or n.startswith(f + ".") for f in forbidden)]


def against_the_layers(path: str) -> list[str]:
    own = layer(path)
    allowed = {own, *LAYERS[own]}
    imported = [path_of(module) for module in graph()[dotted(path)]]
    # The packages `serving` and `apps` themselves hold nothing.
    return [one for one in imported if layer(one) not in allowed and one.count("/") > 1]


def other_apps(path: str) -> list[str]:
    app = path.split("/")[1]
    imported = [name.split(".") for name in graph()[dotted(path)]]
    return [".".join(name) for name in imported if name[0] == "apps" and name[1:2] not in ([app], [])]


@pytest.mark.parametrize("part", parts("apps", "serving", "slipway_client", "training"))
def test_imports_go_one_way(part: str) -> None:
    paths = [path for path in modules_of(part) if layer(path)]
    assert {path: wrong for path in paths if (wrong := against_the_layers(path))} == {}


@pytest.mark.parametrize("part", [name for name in parts("apps") if name != "apps"])
def test_apps_do_not_import_other_apps(part: str) -> None:
    assert {path: wrong for path in modules_of(part) if (wrong := other_apps(path))} == {}


@pytest.mark.parametrize("part", parts("serving", "apps"))
def test_the_data_plane_imports_nothing_heavy(part: str) -> None:
    wrong = {
        path: violations(path, tuple(name for name in HEAVY if path != OPTIONAL.get(name)))
        for path in modules_of(part)
        if "/train/" not in path
    }
    assert {path: names for path, names in wrong.items() if names} == {}


def test_only_control_imports_control() -> None:
    # Benchmarks measure what the command line does.
    assert {path: wrong for path in modules_of("training") if (wrong := violations(path, ("control",)))} == {}


def test_only_the_registry_imports_mlflow() -> None:
    users = {path for path, tree in modules().items() if any(n.split(".")[0] == "mlflow" for n in imports(tree))}
    assert {path for path in users if not path.startswith("training/registry/")} == set()


def cycle(edges: Mapping[str, set[str]]) -> list[str]:
    """One cycle, or nothing."""
    try:
        TopologicalSorter(edges).prepare()
    except CycleError as found:
        return list(found.args[1])
    return []


def test_no_cycle_of_modules() -> None:
    assert cycle(graph()) == []


def cycle_within(package: str) -> list[str]:
    """A cycle of a package's modules, and of its subpackages as wholes."""
    depth = package.count(".") + 1 if package else 0
    edges: defaultdict[str, set[str]] = defaultdict(set)

    def child(name: str) -> str | None:
        parts = name.split(".")
        inside = not package or (name.startswith(package + ".") and len(parts) > depth)
        return ".".join(parts[: depth + 1]) if inside else None

    for name, imported in graph().items():
        if own := child(name):
            edges[own] |= {other for each in imported if (other := child(each)) and other != own}
    return cycle(edges)


def test_no_cycle_of_the_packages_at_the_top() -> None:
    assert cycle_within("") == []


@pytest.mark.parametrize("part", parts(*PACKAGES))
def test_no_cycle_of_packages(part: str) -> None:
    packages = {dotted(path).rpartition(".")[0] for path in paths() if part_of(path) == part} - {""}
    assert {package: found for package in sorted(packages) if (found := cycle_within(package))} == {}


def test_folders_are_small() -> None:
    counts = Counter(Path(path).parent.as_posix() for path in code_modules())
    large = {folder: count for folder, count in counts.items() if count > MOST_MODULES}
    assert large == {}


def test_serving_really_runs_without_the_heavy_libraries() -> None:
    code = (
        "import sys, serving.hosting.composition\n"
        "from serving.kernel.find_app import find_apps\n"
        "find_apps()\n"
        f"heavy = {[name for name in HEAVY if '.' not in name and name != 'pandas']!r}\n"
        "print([name for name in heavy if name in sys.modules])\n"
        "print([name for name in sys.modules if name.startswith(('training', 'apps')) and 'train' in name])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.stdout.strip().splitlines()[-2:] == ["[]", "[]"], done.stdout + done.stderr
