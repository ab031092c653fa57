"""The models that a model from a folder uses: Triton finds them by name, so they are published beside it.

Each version that needs them has a copy in `parts/`, which its manifest covers. They have no aliases and no entry
in the registry, and no gateway serves them. A model that was added by itself may be used too; it stays what it is.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from serving.kernel.storage.model_repository import Repository
from serving.kernel.storage.version_files import Refused
from serving.kernel.storage.version_manifest import ALIASES_NAME, CONFIG_NAME
from training.publish import repository
from training.publish.repository import Change
from training.publish.signer import signer

__all__ = ["PARTS", "parts_of", "parts_of_model", "publish_parts", "remove_unused", "stands_alone", "users_of"]

PARTS = "parts"
"""The folder of a version with the models that it uses, each in Triton's layout."""


def parts_of(files: Iterable[str]) -> set[str]:
    """The names of the models that a version with these files uses."""
    split = (name.split("/") for name in files)
    return {path[1] for path in split if len(path) == 3 and path[0] == PARTS and path[2] == CONFIG_NAME}


def parts_of_model(root: Path, name: str) -> set[str]:
    """The names of the models that any version of this one uses; damaged versions say nothing."""
    there, found = Repository(root), set()
    for number in there.versions(name):
        with suppress(Refused):
            found |= parts_of(there.manifest(name, number).files)
    return found


def users_of(root: Path, name: str) -> list[str]:
    """The other models with a version that uses this one."""
    others = (other for other in Repository(root).models() if other != name)
    return [other for other in others if name in parts_of_model(root, other)]


def publish_parts(version: Path, root: Path, sign: bool = False) -> list[Change]:
    """Publish the models in `version`, a folder of a version, and repair those that are damaged.

    With `sign`, they are signed, as the version itself will be, if a key is set. This comes before the version.
    Raises `RepositoryError`.
    """
    held, changes = Repository(version / PARTS), []
    for name in held.models():
        for number in held.versions(name):
            there = (root / name / str(number)).exists()
            if there and (_is_whole(root, name, number) or stands_alone(root, name)):
                continue
            repository.publish(held.folder(name, number), root, name, number, replace=there)
            if sign and (key := signer()) is not None:
                repository.sign(root, name, number, key)
            changes.append(Change(name, number, "repaired" if there else "written"))
        if not (root / name / CONFIG_NAME).exists():
            content = (version / PARTS / name / CONFIG_NAME).read_bytes()
            repository.write_app_files(root, name, {CONFIG_NAME: content})
    return changes


def remove_unused(root: Path, names: Iterable[str]) -> list[str]:
    """Remove those of these models that are there for others and that none uses any more; returns their names.

    Raises `RepositoryError`.
    """
    there = [name for name in sorted(names) if (root / name).is_dir() and not stands_alone(root, name)]
    gone = [name for name in there if not users_of(root, name)]
    for name in gone:
        repository.remove_app(root, name)
    return gone


def _is_whole(root: Path, name: str, number: int) -> bool:
    try:
        Repository(root).verify(name, number)
    except Refused:
        return False
    return True


def stands_alone(root: Path, name: str) -> bool:
    """Whether the model is served for itself; it may be an app."""
    there = Repository(root)
    if (root / name / ALIASES_NAME).exists():
        return True
    for number in there.versions(name):
        with suppress(Refused):
            manifest = there.manifest(name, number)
            if manifest.added or manifest.run_id:
                return True
    return False
