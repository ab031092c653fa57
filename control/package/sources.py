"""Copy the sources that serve one app: the data plane without the other apps and without training code."""

from __future__ import annotations

import importlib
import shutil
from pathlib import Path

import serving
from control.package.chosen import Chosen

__all__ = ["copy_sources"]

TRAINING = ("train", "card", "golden", "README.md")
"""Files in an app's folder that serving does not use."""
NEVER = ("__pycache__", "*.pyc", ".*")


def copy_sources(chosen: Chosen, target: Path) -> None:
    """Copy the packages to `target`, so that they can be imported from there. An added model has no own one."""
    home = Path(serving.__file__).parent
    shutil.copytree(home, target / "serving", ignore=shutil.ignore_patterns(*NEVER, "README.md"))
    if chosen.app.home is None:
        _copy_app(chosen, target)


def _copy_app(chosen: Chosen, target: Path) -> None:
    """Copy the app's own package, with the `__init__.py` of its parent packages."""
    here = target
    for count, name in enumerate(chosen.app.package.split("."), 1):
        here = here / name
        here.mkdir(exist_ok=True)
        module = importlib.import_module(".".join(chosen.app.package.split(".")[:count]))
        # A namespace package has no `__init__.py`.
        if module.__file__ is not None and not (here / "__init__.py").exists():
            shutil.copyfile(module.__file__, here / "__init__.py")
    ignored = shutil.ignore_patterns(*NEVER, *TRAINING)
    shutil.copytree(chosen.app.folder, here / chosen.app.name, ignore=ignored)
