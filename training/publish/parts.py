"""The models that a model from a folder uses: Triton finds them by name, so they are published beside it.

Each version that needs them has a copy in `parts/`, which its manifest covers. They have no aliases and no entry
in the registry, and no gateway serves them.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from serving.kernel.storage.model_repository import Repository
from serving.kernel.storage.version_files import Refused
from serving.kernel.storage.version_manifest import CONFIG_NAME, Manifest
from training.publish import repository

__all__ = ["PARTS", "parts_of", "parts_of_model", "publish_parts", "remove_unused", "users_of"]

PARTS = "parts"
"""The folder of a version with the models that it uses, each in Triton's layout."""


def parts_of(manifest: Manifest) -> set[str]:
    """The names of the models that a version uses."""
    split = (name.split("/") for name in manifest.files)
    return {path[1] for path in split if len(path) == 3 and path[0] == PARTS and path[2] == CONFIG_NAME}


def parts_of_model(root: Path, name: str) -> set[str]:
    """The names of the models that any version of this one uses; damaged versions say nothing."""
    there, found = Repository(root), set()
    for number in there.versions(name):
        with suppress(Refused):
            found |= parts_of(there.manifest(name, number))
    return found


def users_of(root: Path, part: str) -> list[str]:
    """The models with a version that uses `part`."""
    return [name for name in Repository(root).models() if part in parts_of_model(root, name)]


def publish_parts(version: Path, root: Path) -> None:
    """Publish the models in `version`, a folder of a version, and repair those that are damaged.

    This comes before the version itself. Raises `RepositoryError`.
    """
    held = Repository(version / PARTS)
    for name in held.models():
        for number in held.versions(name):
            source = held.folder(name, number)
            if not (root / name / CONFIG_NAME).exists():
                config = (version / PARTS / name / CONFIG_NAME).read_bytes()
                repository.write_app_files(root, name, {CONFIG_NAME: config})
            repository.publish(source, root, name, number, replace=not _is_whole(root, name, number))


def remove_unused(root: Path, names: Iterable[str]) -> list[str]:
    """Remove those of these models that are there for others and that none uses any more; returns their names.

    Raises `RepositoryError`.
    """
    gone = [name for name in sorted(names) if (root / name).is_dir() and not users_of(root, name)]
    for name in gone:
        repository.remove_app(root, name)
    return gone


def _is_whole(root: Path, name: str, number: int) -> bool:
    there = Repository(root)
    if number not in there.versions(name):
        return True
    try:
        there.verify(name, number)
    except Refused:
        return False
    return True
