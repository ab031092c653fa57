"""The apps of this process, and which of their versions are loaded.

A version is seen in the repository, then loading, then ready or refused with a reason. A refused version is tried
again only when its folder changes; a version that could not be judged yet, because its backend is away, is tried
at every refresh. While a new champion is not ready or not prepared, the previous one keeps answering.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol

from serving.kernel.app import App
from serving.kernel.errors import NotFound, NotReady, SlipwayError
from serving.kernel.storage.model_repository import Repository
from serving.kernel.storage.version_files import Refused
from serving.kernel.storage.version_manifest import Aliases
from serving.models.loaded_version import LoadedVersion, open_explainer
from serving.models.loader import OpenBackend, load

__all__ = ["AppVersions", "Catalog", "CatalogObserver"]


class CatalogObserver(Protocol):
    """Called when versions come and go."""

    def loaded(self, app: str, version: int) -> None:
        """A version is verified and answers."""

    def refused(self, app: str, version: int, reason: str) -> None:
        """A version will not be served."""

    def waiting(self, app: str, version: int, reason: str) -> None:
        """A version could not be judged yet."""

    def unloaded(self, app: str, version: int) -> None:
        """A version is no longer loaded."""

    def champion(self, app: str, version: int) -> None:
        """From now on this version answers when the caller asks for none."""


@dataclass
class AppVersions:
    """One app's versions."""

    app: App[Any, Any, Any]
    loaded: dict[int, LoadedVersion] = field(default_factory=dict)
    refused: dict[int, tuple[object, str]] = field(default_factory=dict)
    """Version -> (the manifest's stamp at that time, reason)."""
    waiting: dict[int, str] = field(default_factory=dict)
    problem: str = ""
    """Why the aliases cannot be read; empty if they can."""
    active: int | None = None
    """The version that answers when the caller asks for none."""


class Catalog:
    """All apps of this process; `refresh` updates it from the repository."""

    def __init__(
        self,
        apps: Iterable[App[Any, Any, Any]],
        repository: Repository,
        open_backend: OpenBackend,
        observer: CatalogObserver,
        keep_versions: int = 8,
        prepared: Callable[[LoadedVersion], bool] = lambda _: True,
    ) -> None:
        """A version that is not `prepared` answers only callers that ask for it, unless there is no other."""
        self._versions = {app.name: AppVersions(app) for app in apps}
        self._repository = repository
        self._open_backend = open_backend
        self._observer = observer
        self._keep = keep_versions
        self._prepared = prepared

    def apps(self) -> tuple[App[Any, Any, Any], ...]:
        """The apps, by name."""
        return tuple(versions.app for versions in self._versions.values())

    def versions(self, model: str) -> AppVersions:
        """One app's versions. Raises `NotFound`."""
        try:
            return self._versions[model]
        except KeyError:
            served = ", ".join(self._versions)
            raise NotFound(f"there is no model {model[:100]!r}; served here: {served}") from None

    def loaded(self, model: str = "") -> tuple[LoadedVersion, ...]:
        """Every loaded version, or those of one app. Raises `NotFound`."""
        chosen = [self.versions(model)] if model else self._versions.values()
        return tuple(loaded for versions in chosen for loaded in versions.loaded.values())

    def resolve(self, model: str, version: int | None = None) -> LoadedVersion:
        """The version that answers. Raises `NotFound` (there is none) or `NotReady` (it cannot answer now)."""
        versions = self.versions(model)
        number = versions.active if version is None else version
        if number is None:
            raise NotReady(f"{model} has no version to answer with{_why_none(versions)}", retry_after=5)
        loaded = versions.loaded.get(number)
        if loaded is not None:
            return loaded
        if number in versions.refused:
            raise NotReady(f"{model} version {number} was refused: {versions.refused[number][1]}", retry_after=60)
        if number in versions.waiting:
            raise NotReady(f"{model} version {number} is not ready: {versions.waiting[number]}", retry_after=5)
        numbers = ", ".join(map(str, sorted(versions.loaded))) or "none"
        raise NotFound(f"{model} has no version {number}; loaded: {numbers}")

    def ready(self) -> bool:
        """Whether every app has a version to answer with."""
        return all(versions.active is not None for versions in self._versions.values())

    async def refresh(self) -> None:
        """Load new versions, unload those that are gone, and follow the aliases."""
        for versions in self._versions.values():
            await self._refresh(versions)

    async def close(self) -> None:
        """Close every backend once its running batches have ended."""
        for versions in self._versions.values():
            for number in list(versions.loaded):
                await self._unload(versions, number)

    async def _refresh(self, versions: AppVersions) -> None:
        name = versions.app.name
        published = self._repository.versions(name)
        try:
            aliases, versions.problem = self._repository.aliases(name), ""
        except Refused as refusal:
            aliases, versions.problem = Aliases(champion=versions.active), str(refusal)
        aliased = {v for v in (aliases.champion, aliases.challenger, versions.active) if v in published}
        wanted = aliased | set(published[-self._keep :])
        missing = sorted(wanted - versions.loaded.keys(), reverse=True)
        for number in missing:
            if number not in versions.refused:
                versions.waiting.setdefault(number, "it is being loaded")
        for number in missing:
            await self._load(versions, number)
        for number in sorted(versions.loaded.keys() - wanted):
            await self._unload(versions, number)
        activated = self._activate(versions, aliases.champion)
        if activated is not None:
            await open_explainer(activated)
        for reasons in (versions.refused, versions.waiting):
            for number in [n for n in reasons if n not in published]:
                del reasons[number]

    async def _load(self, versions: AppVersions, number: int) -> None:
        name = versions.app.name
        stamp = self._stamp(name, number)
        if number in versions.refused and versions.refused[number][0] == stamp:
            return
        try:
            versions.loaded[number] = await load(versions.app, number, self._repository, self._open_backend)
        except Refused as refusal:
            versions.refused[number] = (stamp, str(refusal))
            versions.waiting.pop(number, None)
            self._observer.refused(name, number, str(refusal))
        except SlipwayError as error:
            if versions.waiting.get(number) != error.message:
                self._observer.waiting(name, number, error.message)
            versions.waiting[number] = error.message
        else:
            versions.refused.pop(number, None)
            versions.waiting.pop(number, None)
            self._observer.loaded(name, number)

    def _activate(self, versions: AppVersions, champion: int | None) -> LoadedVersion | None:
        """Let the champion (without one, the newest) answer once it is loaded and prepared; returns it if new."""
        target = champion if champion is not None else max(versions.loaded, default=None)
        if target not in versions.loaded or target is None or target == versions.active:
            return None
        loaded = versions.loaded[target]
        if versions.active is not None and not self._prepared(loaded):
            return None
        versions.active = target
        self._observer.champion(versions.app.name, target)
        return loaded

    async def _unload(self, versions: AppVersions, number: int) -> None:
        loaded = versions.loaded.pop(number)
        if versions.active == number:
            versions.active = None
        self._observer.unloaded(versions.app.name, number)
        # Shielded: a running batch ends normally even if the refresh is cancelled.
        await asyncio.shield(asyncio.ensure_future(loaded.backend.close()))

    def _stamp(self, name: str, number: int) -> object:
        try:
            return self._repository.stamp(name, number)
        except OSError:
            return None


def _why_none(versions: AppVersions) -> str:
    reasons = {**{n: r for n, (_, r) in versions.refused.items()}, **versions.waiting}
    if versions.problem:
        return f": {versions.problem}"
    if not reasons:
        return ": the model repository has none that is loaded"
    newest = max(reasons)
    return f": version {newest}: {reasons[newest]}"
