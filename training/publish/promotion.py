"""Who is in charge: the aliases champion and challenger, kept the same in the registry and the repository."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from serving.kernel.storage.version_manifest import Aliases
from training.publish import repository as files
from training.registry.mlflow_registry import Registry

__all__ = ["promote", "settle"]


def promote(
    registry: Registry | None,
    repository: Path,
    app: str,
    version: int,
    why: str,
    who: str = "",
    evidence: Sequence[msgspec.Struct] = (),
) -> Aliases:
    """Make a version the champion, in the registry first; without one (it may be down) in the repository only.

    A later `sync` makes the repository follow the registry. Raises `RegistryError` or `RepositoryError`.
    """
    before = files.aliases(repository, app)
    if version not in files.versions(repository, app):
        raise files.RepositoryError(f"{app} version {version} is not in the model repository")
    if registry is not None:
        challenger = None if before.challenger == version else before.challenger
        registry.set_aliases(app, Aliases(champion=version, challenger=challenger))
    return files.promote(repository, app, version, why, who, evidence)


def settle(
    registry: Registry, repository: Path, app: str, version: int, synthetic: bool, forced: bool = False
) -> Aliases:
    """Give a version that was just published its alias.

    The first version is champion, and one from real data takes over from one from generated data. Any other is
    challenger, unless `forced`; generated data never challenges real data.
    """
    before = files.aliases(repository, app)
    if before.champion is None:
        return promote(registry, repository, app, version, "the first version")
    if forced:
        return promote(registry, repository, app, version, "promotion was asked for with the training")
    champion_synthetic = files.manifest(repository, app, before.champion).synthetic
    if champion_synthetic and not synthetic:
        return promote(registry, repository, app, version, "real data takes over from generated data")
    if synthetic and not champion_synthetic:
        return before
    after = Aliases(champion=before.champion, challenger=version)
    registry.set_aliases(app, after)
    files.set_aliases(repository, app, after)
    return after
