"""Finds the models of a repository that were added from a file."""

from __future__ import annotations

from collections.abc import Container, Sequence
from pathlib import Path
from typing import Any

from serving.kernel.added.app import added_app
from serving.kernel.app import App
from serving.kernel.storage.model_repository import NAME, Repository
from serving.kernel.storage.version_files import Refused

__all__ = ["AddedModels", "find_added"]


class AddedModels:
    """The added models of a repository that a process serves. Blocking; every call reads the disk."""

    def __init__(self, repository: Repository, apps: Container[str], wanted: Sequence[str] | None = None) -> None:
        """`apps` have names that no added model has; `wanted` are the models to serve, None: all."""
        self.named = tuple(wanted or ())
        self._repository = repository
        self._apps = apps
        self._wanted = wanted
        self._others: dict[str, object] = {}

    def names(self) -> list[str]:
        """The folders that may hold an added model."""
        folders = [name for name in self._repository.models() if name not in self._apps]
        return [name for name in folders if self._wanted is None or name in self._wanted]

    def app(self, name: str) -> App[Any, Any, Any] | None:
        """The app of the champion, or else of the newest version that can be read; None if nothing was added.

        A folder that holds something else is read again only when its versions change.
        """
        stamp = self._stamp(name)
        if self._others.get(name) == stamp:
            return None
        try:
            found = find_added(self._repository, name)
        except OSError:  # it is looked at again, and the other models are not held up
            return None
        if found is None:
            self._others[name] = stamp
        return found

    def _stamp(self, name: str) -> object:
        try:
            return [(number, self._repository.stamp(name, number)) for number in self._repository.versions(name)]
        except OSError:
            return None


def find_added(repository: Repository | Path, name: str, version: int = 0) -> App[Any, Any, Any] | None:
    """The app of this version of an added model; None if it was not added, or cannot be read.

    Without a version, that of the champion, or else of the newest version that can be read.
    """
    if not NAME.fullmatch(name):
        return None
    repository = Repository(repository) if isinstance(repository, Path) else repository
    try:
        champion = repository.aliases(name).champion
    except Refused:
        champion = None
    numbers = sorted(repository.versions(name), key=lambda number: (number == champion, number), reverse=True)
    for number in [number for number in numbers if version in (0, number)]:
        try:
            manifest = repository.manifest(name, number)
            if manifest.added:
                return added_app(manifest, repository.root / name)
        except (Refused, LookupError, TypeError, ValueError):  # types and tensors of a damaged manifest
            continue
    return None
