"""Provenance of a version: the commit of the code and the versions of the libraries."""

from __future__ import annotations

import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

__all__ = ["git_commit", "libraries"]

LIBRARIES = ("numpy", "onnx", "onnxruntime", "pandas", "ray", "scikit-learn", "slipway", "xgboost", "xgboost-cpu")


def git_commit() -> str:
    """The commit of this source tree, with `+changes` for uncommitted changes; empty outside a git repository."""
    folder = Path(__file__).parent

    def git(*words: str) -> str:
        line = ["git", "-C", str(folder), *words]
        done = subprocess.run(line, capture_output=True, text=True, check=True, timeout=10)  # noqa: S603
        return done.stdout.strip()

    try:
        changed = git("status", "--porcelain", "--untracked-files=no")
        return git("rev-parse", "HEAD") + ("+changes" if changed else "")
    except (OSError, subprocess.SubprocessError):
        return ""


def libraries() -> dict[str, str]:
    """Versions of the libraries that affect a model's answers."""
    found = {}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
