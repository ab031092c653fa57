"""The aliases champion and challenger, kept the same in the registry and the model repository."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from serving.kernel.storage.version_manifest import Aliases
from training.publish import added_files
from training.publish import repository as files
from training.publish.parts import stands_alone, users_of
from training.registry.mlflow_registry import Registry

__all__ = ["assign_alias", "promote"]


def promote(
    registry: Registry | None,
    repository: Path,
    app: str,
    version: int,
    why: str,
    who: str = "",
    evidence: Sequence[msgspec.Struct] = (),
) -> Aliases:
    """Make a version the champion, first in the registry, then in the model repository.

    `registry` is None while the registry is down; then only the model repository changes, and a later
    `slipway repository sync` would undo that. Raises `RegistryError` or `RepositoryError`.
    """
    before = files.trusted_aliases(repository, app)
    if version not in files.versions(repository, app):
        raise files.RepositoryError(f"{app} version {version} is not in the model repository")
    if not stands_alone(repository, app) and (users := users_of(repository, app)):
        raise files.RepositoryError(
            f"{app} is there for {', '.join(users)} alone and has no champion; promote a version of {users[0]}"
        )
    if registry is not None:
        challenger = None if before.challenger == version else before.challenger
        registry.set_aliases(app, Aliases(champion=version, challenger=challenger))
    after = files.promote(repository, app, version, why, who, evidence)
    added_files.write_config(repository, app)
    return after


def assign_alias(
    registry: Registry, repository: Path, app: str, version: int, synthetic: bool, forced: bool = False
) -> Aliases:
    """Give a newly published version its alias, and return the aliases now in force.

    The first version becomes champion. A version trained on real data replaces a champion trained on generated
    data. Any other version becomes challenger, or champion when `forced`. A version trained on generated data
    never challenges a champion trained on real data.
    """
    before = files.trusted_aliases(repository, app)
    if before.champion is None:
        return promote(registry, repository, app, version, "the first version")
    if forced:
        return promote(registry, repository, app, version, "the training asked for promotion")
    champion_synthetic = files.manifest(repository, app, before.champion).synthetic
    if champion_synthetic and not synthetic:
        return promote(registry, repository, app, version, "real data replaces generated data")
    if synthetic and not champion_synthetic:
        return before
    after = Aliases(champion=before.champion, challenger=version)
    registry.set_aliases(app, after)
    files.set_aliases(repository, app, after)
    added_files.write_config(repository, app)
    return after
