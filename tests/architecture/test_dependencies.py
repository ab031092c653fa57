"""What is installed: the data plane stays light, and everything asked for is pinned."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

HEAVY = ("mlflow", "torch", "evidently", "pandas", "matplotlib", "sqlalchemy")


def project(root: Path) -> dict[str, list[str]]:
    """Extra -> requirements; the empty extra is what serving needs."""
    table = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    return {"": table["dependencies"], **table["optional-dependencies"]}


def name(requirement: str) -> str:
    return re.split(r"[\[<>=!;~ ]", requirement)[0].lower()


def test_the_data_plane_needs_nothing_heavy(root: Path) -> None:
    for extra in ("", "cpu", "gpu"):
        names = [name(requirement) for requirement in project(root)[extra]]
        assert not set(names) & set(HEAVY)
        assert not [r for r in project(root)[extra] if r.startswith("ray") and "train" in r]


def test_everything_is_pinned_exactly(root: Path) -> None:
    lines = (root / "constraints.txt").read_text().splitlines()
    pinned = {line.partition("==")[0].lower().replace("_", "-") for line in lines}
    assert all(re.fullmatch(r"[\w.-]+==[\w.!+-]+", line) for line in lines)
    for extra, requirements in project(root).items():
        assert {name(requirement) for requirement in requirements} <= pinned, extra


def test_one_onnx_runtime_per_extra(root: Path) -> None:
    extras = project(root)
    assert "onnxruntime" in map(name, extras["cpu"]) and "onnxruntime-gpu" not in map(name, extras["cpu"])
    assert "onnxruntime-gpu" in map(name, extras["gpu"]) and "onnxruntime" not in map(name, extras["gpu"])
