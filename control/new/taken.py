"""Whether a model that was added from a file has the name of a new app."""

from __future__ import annotations

from pathlib import Path

from control.errors import NewAppError
from serving.kernel.storage.model_repository import Repository
from serving.kernel.storage.version_files import Refused

__all__ = ["refuse_added"]


def refuse_added(name: str, root: Path) -> None:
    """Raise `NewAppError` if `slipway add` published a model of that name in the model repository `root`."""
    there = Repository(root)
    for number in there.versions(name)[-1:]:
        try:
            if not there.manifest(name, number).added:
                continue
            what = f"{name!r} is a model that `slipway add` published in {root}"
        except Refused as cause:
            what = f"{name} version {number} in {root} is damaged ({cause})"
        raise NewAppError(f"{what}; choose another name, or remove it first: slipway remove {name}")
