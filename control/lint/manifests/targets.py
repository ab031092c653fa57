"""The targets of the linter: charts with each of their value sets, kustomizations, plain and Skaffold files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from control.errors import ManifestError

__all__ = ["KUSTOMIZATIONS", "Target", "of_path", "of_repository", "shown"]

Kind = Literal["chart", "kustomization", "files", "skaffold"]
KUSTOMIZATIONS = ("kustomization.yaml", "kustomization.yml", "Kustomization")
YAML = (".yaml", ".yml", ".json")


@dataclass(frozen=True)
class Target:
    """Objects that are applied together. `values` is a value set of a chart; `files` are those of a folder."""

    kind: Kind
    path: Path
    values: Path | None = None
    files: tuple[Path, ...] = ()

    @property
    def label(self) -> str:
        """The name in reports, such as `charts/slipway with ci/gpu.yaml`."""
        if self.kind == "chart":
            given = "its own values" if self.values is None else self.values.relative_to(self.path).as_posix()
            return f"{shown(self.path)} with {given}"
        return shown(self.path)


def shown(path: Path) -> str:
    """Return a path relative to the current folder, if it is below that folder."""
    try:
        return path.resolve().relative_to(Path.cwd()).as_posix()
    except ValueError:
        return str(path)


def of_repository(root: Path) -> list[Target]:
    """Return all targets of a repository. Raises `ManifestError` if there are none."""
    found = [target for chart in sorted(root.glob("charts/*/Chart.yaml")) for target in _chart(chart.parent)]
    found += [
        Target("kustomization", folder) for folder in sorted(root.glob("k8s/overlays/*")) if _kustomized(folder)
    ]
    found += [Target("kustomization", root)] if _kustomized(root) else []
    found += [Target("skaffold", path) for path in (root / "skaffold.yaml",) if path.is_file()]
    if not found:
        where = "charts/*, k8s/overlays/*, kustomization.yaml and skaffold.yaml"
        raise ManifestError(f"{shown(root)} has nothing to check (looked for {where}); give a PATH")
    return found


def of_path(path: Path) -> list[Target]:
    """Return the targets of a file, a chart, a kustomization, or a folder of these. Raises `ManifestError`."""
    if path.is_file():
        if path.name in KUSTOMIZATIONS:
            return [Target("kustomization", path.parent)]
        return [_file(path)]
    if not path.is_dir():
        raise ManifestError(f"{path} does not exist; give a file, a folder of YAML, a kustomization or a chart")
    found = list(_folder(path))
    if not found:
        raise ManifestError(
            f"there is no YAML below {path}; give a file, a folder of YAML, a kustomization or a chart"
        )
    return found


def _folder(folder: Path) -> Iterator[Target]:
    if (folder / "Chart.yaml").is_file():
        yield from _chart(folder)
    elif _kustomized(folder):
        yield Target("kustomization", folder)
    else:
        yield from _plain(folder)


def _plain(folder: Path) -> Iterator[Target]:
    """Yield the folder's own files as one target, and each chart and kustomization below it as another."""
    files: list[Path] = []
    nested: list[Target] = []

    def visit(below: Path) -> None:
        for item in sorted(below.iterdir()):
            if item.is_dir() and not item.name.startswith("."):
                special = (item / "Chart.yaml").is_file() or _kustomized(item)
                nested.extend(_folder(item)) if special else visit(item)
            elif item.is_file() and item.suffix in YAML:
                files.append(item)

    visit(folder)
    skaffold = [path for path in files if _is_skaffold(path)]
    plain = tuple(path for path in files if path not in skaffold)
    if plain:
        yield Target("files", folder, files=plain)
    yield from (Target("skaffold", path) for path in skaffold)
    yield from nested


def _file(path: Path) -> Target:
    return Target("skaffold", path) if _is_skaffold(path) else Target("files", path, files=(path,))


def _is_skaffold(path: Path) -> bool:
    lines: Iterable[str] = path.read_text(errors="replace").splitlines()
    return any(line.strip().strip("'\"").startswith("apiVersion: skaffold/") for line in lines)


def _kustomized(folder: Path) -> bool:
    """Return whether the folder is a kustomization. A component does not count: it cannot be built by itself."""
    paths = [folder / name for name in KUSTOMIZATIONS if (folder / name).is_file()]
    return any("kind: Component" not in path.read_text(errors="replace").splitlines() for path in paths)


def _chart(chart: Path) -> Iterator[Target]:
    yield Target("chart", chart)
    yield from (Target("chart", chart, values) for values in sorted((chart / "ci").glob("*.y*ml")))
