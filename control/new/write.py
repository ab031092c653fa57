"""Write a new app into the repository: all of its files or none, and never over existing files."""

from __future__ import annotations

import importlib
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

import apps
from control.errors import NewAppError

__all__ = ["repository_root", "write"]


def repository_root() -> Path:
    """Return the clone that the packages are imported from. Raises `NewAppError` if it is not a clone."""
    root = Path(apps.__path__[0]).resolve().parent
    if not (root / "pyproject.toml").exists():
        raise NewAppError(
            f"slipway is installed in {root}, which is not a clone of its repository; "
            "clone it, run `make up` there and use its .venv/bin/slipway"
        )
    return root


def write(root: Path, name: str, files: Mapping[str, str]) -> list[str]:
    """Write the files and the generated `config.pbtxt` below `root`, and return their paths.

    Each folder is filled under a temporary name and then renamed. Raises `NewAppError` if a folder already exists.
    After any error, everything that was written is removed.
    """
    targets = [root / "apps" / name, root / "tests/apps" / name, root / "model-repository" / name]
    for target in targets:
        if target.exists():
            raise NewAppError(f"{target.relative_to(root)} already exists; remove it or choose another name")
    made: list[Path] = []
    try:
        for target in targets[:2]:
            _fill(target, root, files)
            made.append(target)
        made.append(targets[2])
        config = _write_config(root / "model-repository", name)
    except BaseException:  # an interrupt must not leave half an app either
        for target in made:
            shutil.rmtree(target, ignore_errors=True)
        raise
    return [*files, config.relative_to(root).as_posix()]


def _fill(target: Path, root: Path, files: Mapping[str, str]) -> None:
    """Fill a folder under a name that cannot be imported, then rename it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".new-", dir=target.parent) as folder:
        draft = Path(folder) / target.name
        for path, text in files.items():
            if (root / path).is_relative_to(target):
                file = draft / (root / path).relative_to(target)
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(text)
        draft.rename(target)


def _write_config(repository: Path, name: str) -> Path:
    from serving.kernel.find_app import find_app
    from training.publish.repository import write_config

    importlib.invalidate_caches()
    return write_config(repository, find_app(name))
