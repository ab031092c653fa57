"""Removes added models, and versions of them, from the registry and from the model repository.

The registry comes first: a version that only the registry has would come back with `slipway repository sync`. The
runs stay in MLflow with their files, so that a model can be added again. The models that a removed one used in
Triton go too, if they are there for it alone.
"""

from __future__ import annotations

from pathlib import Path

from serving.kernel.find_app import app_folders, listed_packages
from serving.kernel.storage.model_repository import NAME, Repository
from serving.kernel.storage.version_files import Refused
from serving.kernel.storage.version_manifest import Aliases
from training.publish import repository
from training.publish.added_files import write_config
from training.publish.parts import parts_of_model, remove_unused, users_of
from training.publish.repository import RepositoryError
from training.registry.mlflow_registry import Registry

__all__ = ["check_removable", "remove_model", "remove_version"]


def check_removable(root: Path, name: str, version: int | None = None) -> list[int]:
    """The versions that would be removed, from what the repository has.

    Raises `RepositoryError` for an app, for what is not there, and for a champion beside other versions.
    """
    if name in (*app_folders(), *listed_packages()):
        raise RepositoryError(f"{name} is an app; only models that `slipway add` has added can be removed")
    numbers = repository.versions(root, name) if NAME.fullmatch(name) else []
    if not numbers:
        there = ", ".join(one for one in Repository(root).models() if _is_added(root, one)) or "none"
        raise RepositoryError(f"there is no added model {name[:100]!r} in {root}; there are: {there}")
    users = users_of(root, name)
    if users:
        raise RepositoryError(
            f"{name} cannot be removed: {', '.join(users)} uses it. Remove what uses it before, such as "
            f"`slipway remove {users[0]}`; a model that is there for others alone goes with the last of them"
        )
    if not _is_added(root, name):
        raise RepositoryError(f"{name} in {root} was not added from a file; it cannot be removed")
    if version is None:
        return numbers
    if version not in numbers:
        raise RepositoryError(f"{name} has no version {version}; it has {', '.join(map(str, numbers))}")
    # Without aliases, the newest version answers.
    champion = repository.trusted_aliases(root, name).champion or numbers[-1]
    if version == champion and len(numbers) > 1:
        other = max(number for number in numbers if number != version)
        raise RepositoryError(
            f"{name} version {version} is the champion, which answers. Promote another one first, such as "
            f"`slipway promote {name} {other}`, or remove the whole model: `slipway remove {name}`"
        )
    return [version]


def remove_model(registry: Registry, root: Path, name: str) -> list[int]:
    """Remove a whole model; returns the numbers of its versions. Raises `RegistryError` or `RepositoryError`."""
    numbers, parts = check_removable(root, name), parts_of_model(root, name)
    for number in sorted({*numbers, *(version.version for version in registry.versions(name))}):
        registry.unregister(name, number)
    repository.remove_app(root, name)
    remove_unused(root, parts)
    return numbers


def remove_version(registry: Registry, root: Path, name: str, version: int) -> list[int]:
    """Remove one version, or the whole model with its last one. Raises `RegistryError` or `RepositoryError`."""
    if repository.versions(root, name) == check_removable(root, name, version):
        return remove_model(registry, root, name)
    parts = parts_of_model(root, name)
    registry.unregister(name, version)
    before = repository.trusted_aliases(root, name)
    if before.challenger == version:
        repository.set_aliases(root, name, Aliases(champion=before.champion))
    repository.remove(root, name, version)
    remove_unused(root, parts)
    write_config(root, name)
    return [version]


def _is_added(root: Path, name: str) -> bool:
    """Whether no version that can be read belongs to an app."""
    there = Repository(root)
    numbers = there.versions(name)
    for number in numbers:
        try:
            if not there.manifest(name, number).added:
                return False
        except Refused:  # a damaged version says nothing
            continue
    return bool(numbers)
