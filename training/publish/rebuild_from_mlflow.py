"""Rebuild the model repository from the registry."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from serving.kernel.settings import Settings, read
from serving.kernel.storage.model_repository import Repository
from serving.kernel.storage.signatures import Signatures
from serving.kernel.storage.version_files import Refused
from training.find_recipe import find, names
from training.publish import added_files
from training.publish.parts import parts_of_model, publish_parts, remove_unused
from training.publish.repository import Change, publish, remove, set_aliases, versions, write_config
from training.publish.signer import kept_signature
from training.registry.mlflow_registry import Registry, Version

__all__ = ["rebuild"]


def rebuild(registry: Registry, repository: Path, apps: Sequence[str] = (), prune: bool = False) -> list[Change]:
    """Make the repository match the registry: versions byte for byte, aliases, `config.pbtxt`.

    Of an added model, settings and card are written if they are missing, and the models that it uses in Triton.
    Versions that the registry does not know stay, unless `prune` is set. Raises `RegistryError`.
    """
    changes: list[Change] = []
    for app in apps or registry.apps():
        known = registry.versions(app)
        if known and known[-1].tags.get("slipway.added") == "true":
            # Before the versions: gateways read the settings when they load one.
            added_files.fetch(registry, repository, app, known[-1].run_id)
        for version in known:
            changes += _rebuild_version(registry, repository, version)
        parts = parts_of_model(repository, app)
        unknown = sorted(set(versions(repository, app)) - {version.version for version in known})
        for number in unknown:
            if prune:
                remove(repository, app, number)
            changes.append(Change(app, number, "removed" if prune else "unknown"))
        remove_unused(repository, parts)
        set_aliases(repository, app, registry.aliases(app))
        if app in names():
            write_config(repository, find(app).app)
        else:
            added_files.write_config(repository, app)
    return changes


def _rebuild_version(registry: Registry, repository: Path, version: Version) -> list[Change]:
    """Rebuild a version, after the models that it uses."""
    target = repository / version.app / str(version.version)
    broken = False
    if target.exists():
        try:
            # A folder whose digests fit is not what the registry has if nobody trusted has signed it.
            Repository(repository, Signatures.of(read(Settings))).verify(version.app, version.version)
        except Refused:
            broken = True
        else:
            return [*publish_parts(target, repository), Change(version.app, version.version, "kept")]
    with tempfile.TemporaryDirectory(prefix="slipway-sync-") as folder:
        servable = registry.download(version, Path(folder))
        parts = publish_parts(servable, repository)
        # What the registry holds is not signed once more: somebody may have changed it.
        kept = kept_signature(version.tags)
        publish(servable, repository, version.app, version.version, broken, sign=False, signature=kept)
    return [*parts, Change(version.app, version.version, "repaired" if broken else "written")]
