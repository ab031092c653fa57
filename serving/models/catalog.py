"""Which apps there are and which of their versions are loaded.

A version moves through: seen in the repository -> loading -> ready, or refused with a reason. A refused version
is tried again only when its folder changes; one that could not be judged yet (its backend is away) is tried at
every look. While a new champion is not ready, or not prepared, the previous one keeps answering.
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
from serving.models.loader import LoadedVersion, OpenBackend, load, open_explainer

__all__ = ["AppVersions", "Catalog", "CatalogObserver"]


class CatalogObserver(Protocol):
    """Told when versions come and go."""

    def loaded(self, app: str, version: int) -> None:
        """A version is verified and answers."""

    def refused(self, app: str, version: int, reason: str) -> None:
        """A version will not be served."""

    def waiting(self, app: str, version: int, reason: str) -> None:
        """A version could not be judged yet."""

    def unloaded(self, app: str, version: int) -> None:
        """A version is gone or no longer kept."""

    def champion(self, app: str, version: int) -> None:
        """From now on this version answers when none is asked for."""


@dataclass
class AppVersions:
    """One app's versions."""

    app: App[Any, Any, Any]
    loaded: dict[int, LoadedVersion] = field(default_factory=dict)
    refused: dict[int, tuple[object, str]] = field(default_factory=dict)
    """version -> (stamp at refusal, reason)"""
    waiting: dict[int, str] = field(default_factory=dict)
    problem: str = ""
    """Why the aliases could not be read, if so."""
    active: int | None = None


class Catalog:
    """All apps of this process; `refresh` brings it in line with the repository."""

    def __init__(
        self,
        apps: Iterable[App[Any, Any, Any]],
        repository: Repository,
        open_backend: OpenBackend,
        observer: CatalogObserver,
        keep_versions: int = 8,
        prepared: Callable[[LoadedVersion], bool] = lambda _: True,
    ) -> None:
        """A version that is not `prepared` answers those who ask for it, and others where none else can."""
        self._shelves = {app.name: AppVersions(app) for app in apps}
        self._repository = repository
        self._open_backend = open_backend
        self._observer = observer
        self._keep = keep_versions
        self._prepared = prepared

    def apps(self) -> tuple[App[Any, Any, Any], ...]:
        """The apps, by name."""
        return tuple(shelf.app for shelf in self._shelves.values())

    def shelf(self, model: str) -> AppVersions:
        """One app's versions. Raises `NotFound`."""
        try:
            return self._shelves[model]
        except KeyError:
            raise NotFound(f"there is no model {model[:100]!r}; served here: {', '.join(self._shelves)}") from None

    def loaded(self, model: str = "") -> tuple[LoadedVersion, ...]:
        """Every loaded version, or those of one app. Raises `NotFound`."""
        shelves = [self.shelf(model)] if model else self._shelves.values()
        return tuple(version for shelf in shelves for version in shelf.loaded.values())

    def resolve(self, model: str, version: int | None = None) -> LoadedVersion:
        """The version that answers. Raises `NotFound` (no such one) or `NotReady` (it cannot answer now)."""
        shelf = self.shelf(model)
        number = shelf.active if version is None else version
        if number is None:
            raise NotReady(f"{model} has no version to answer with{_because(shelf)}", retry_after=5)
        loaded = shelf.loaded.get(number)
        if loaded is not None:
            return loaded
        if number in shelf.refused:
            raise NotReady(f"{model} version {number} was refused: {shelf.refused[number][1]}", retry_after=60)
        if number in shelf.waiting:
            raise NotReady(f"{model} version {number} is not ready: {shelf.waiting[number]}", retry_after=5)
        have = ", ".join(map(str, sorted(shelf.loaded))) or "none"
        raise NotFound(f"{model} has no version {number}; loaded: {have}")

    def ready(self) -> bool:
        """Whether every app has a version to answer with."""
        return all(shelf.active is not None for shelf in self._shelves.values())

    async def refresh(self) -> None:
        """Load what is new, drop what is gone, follow the aliases."""
        for shelf in self._shelves.values():
            await self._refresh(shelf)

    async def close(self) -> None:
        """Close every backend after its work in flight."""
        for shelf in self._shelves.values():
            for number in list(shelf.loaded):
                await self._unload(shelf, number)

    async def _refresh(self, shelf: AppVersions) -> None:
        name = shelf.app.name
        versions = self._repository.versions(name)
        try:
            aliases, shelf.problem = self._repository.aliases(name), ""
        except Refused as refusal:
            aliases, shelf.problem = Aliases(champion=shelf.active), str(refusal)
        aliased = {v for v in (aliases.champion, aliases.challenger, shelf.active) if v in versions}
        wanted = aliased | set(versions[-self._keep :])
        missing = sorted(wanted - shelf.loaded.keys(), reverse=True)
        for number in missing:
            if number not in shelf.refused:
                shelf.waiting.setdefault(number, "it is being loaded")
        for number in missing:
            await self._try(shelf, number)
        for number in sorted(shelf.loaded.keys() - wanted):
            await self._unload(shelf, number)
        active = self._follow(shelf, aliases.champion)
        if active is not None:
            await open_explainer(active)
        for seen in (shelf.refused, shelf.waiting):
            for number in [n for n in seen if n not in versions]:
                del seen[number]

    async def _try(self, shelf: AppVersions, number: int) -> None:
        name = shelf.app.name
        stamp = self._stamp(name, number)
        if number in shelf.refused and shelf.refused[number][0] == stamp:
            return
        try:
            shelf.loaded[number] = await load(shelf.app, number, self._repository, self._open_backend)
        except Refused as refusal:
            shelf.refused[number] = (stamp, str(refusal))
            shelf.waiting.pop(number, None)
            self._observer.refused(name, number, str(refusal))
        except SlipwayError as error:
            if shelf.waiting.get(number) != error.message:
                self._observer.waiting(name, number, error.message)
            shelf.waiting[number] = error.message
        else:
            shelf.refused.pop(number, None)
            shelf.waiting.pop(number, None)
            self._observer.loaded(name, number)

    def _follow(self, shelf: AppVersions, champion: int | None) -> LoadedVersion | None:
        """Make the champion, or else the newest, active once it is loaded and prepared; gives it if it is new."""
        target = champion if champion is not None else max(shelf.loaded, default=None)
        if target not in shelf.loaded or target is None or target == shelf.active:
            return None
        found = shelf.loaded[target]
        if shelf.active is not None and not self._prepared(found):
            return None
        shelf.active = target
        self._observer.champion(shelf.app.name, target)
        return found

    async def _unload(self, shelf: AppVersions, number: int) -> None:
        loaded = shelf.loaded.pop(number)
        if shelf.active == number:
            shelf.active = None
        self._observer.unloaded(shelf.app.name, number)
        # Shielded: a batch in flight finishes even if the refresh is cancelled.
        await asyncio.shield(asyncio.ensure_future(loaded.backend.close()))

    def _stamp(self, name: str, number: int) -> object:
        try:
            return self._repository.stamp(name, number)
        except OSError:
            return None


def _because(shelf: AppVersions) -> str:
    reasons = {**{n: r for n, (_, r) in shelf.refused.items()}, **shelf.waiting}
    if shelf.problem:
        return f": {shelf.problem}"
    if not reasons:
        return ": the model repository has none that is loaded"
    newest = max(reasons)
    return f": version {newest}: {reasons[newest]}"
