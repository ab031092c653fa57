"""The apps of this process, and which of their versions are loaded.

A version is seen in the repository, then loading, then ready or refused with a reason. A refused version is tried
again only when its folder changes; a version that could not be judged yet, because its backend is away, is tried
at every refresh. While a new champion is not ready or not prepared, the previous one keeps answering.

Apps are loaded side by side, and the other versions of an app after its champion. Any error while a version is
loaded refuses that version and nothing else.

Models that were added from a file come and go with their folders. Each of their versions has an app of its own.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol

from serving.kernel.app import App
from serving.kernel.errors import DeadlineExceeded, NotFound, NotReady, Unavailable
from serving.kernel.storage.model_repository import Repository
from serving.kernel.storage.version_files import Refused
from serving.kernel.storage.version_manifest import Aliases
from serving.models.loaded_version import LoadedVersion, open_explainer
from serving.models.loader import OpenBackend, load
from serving.models.public_text import without_paths

__all__ = ["AppVersions", "Catalog", "CatalogObserver"]

MOST_REASON = 500
"""Characters of the reason of a refusal: a damaged file may be quoted in it."""
MOST_NAMES = 20
"""Names of models in an error."""

Seen = tuple[dict[int, object], Aliases]
"""The stamp of each published version of an app, and its aliases."""

log = logging.getLogger(__name__)


class Added(Protocol):
    """The added models of a repository. Blocking; may raise `OSError`."""

    named: tuple[str, ...]
    """Those that the settings name: without an answer of each, the process is not ready."""

    def names(self) -> list[str]:
        """The folders that may hold one."""
        ...

    def app(self, name: str) -> App[Any, Any, Any] | None:
        """The app of one; None if the folder holds none."""
        ...


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
    stamps: dict[int, object] = field(default_factory=dict)
    """Version -> its manifest's stamp when it was loaded last."""
    refused: dict[int, tuple[object, str]] = field(default_factory=dict)
    """Version -> (the manifest's stamp at that time, reason)."""
    waiting: dict[int, str] = field(default_factory=dict)
    problem: str = ""
    """Why the aliases cannot be read; empty if they can."""
    active: int | None = None
    """The version that answers when the caller asks for none."""
    champion: int | None = None
    """The version that `aliases.json` names; None: the newest."""
    loading: dict[int, asyncio.Task[None]] = field(default_factory=dict)
    """The versions that are being loaded."""


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
        added: Added | None = None,
    ) -> None:
        """A version that is not `prepared` answers only callers that ask for it, unless there is no other.

        `added` finds the models that were added from a file; None: there are none.
        """
        self._versions = {app.name: AppVersions(app) for app in apps}
        self._repository = repository
        self._open_backend = open_backend
        self._observer = observer
        self._keep = keep_versions
        self._prepared = prepared
        self._added = added
        self._first: frozenset[str] | None = None
        """The added models of the first look; None before it."""
        self._noted: list[str] = []
        """What was missing at the last look."""
        self._closing: set[asyncio.Future[None]] = set()

    def apps(self) -> tuple[App[Any, Any, Any], ...]:
        """The apps, by name."""
        return tuple(versions.app for versions in self._versions.values())

    def names(self) -> Container[object]:
        """The names of the apps, as they are whenever it is asked."""
        return self._versions.keys()

    def versions(self, model: str) -> AppVersions:
        """One app's versions. Raises `NotFound`."""
        try:
            return self._versions[model]
        except KeyError:
            more = len(self._versions) - MOST_NAMES
            served = ", ".join(list(self._versions)[:MOST_NAMES]) + (f" and {more} more" if more > 0 else "")
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
        """Whether every app has a version that would answer now, and the added models were looked for.

        An added model that was not there at the first look, or whose versions were all refused, concerns its
        callers alone, unless a setting names it: a gateway that answers stays ready while another model is loaded.
        """
        looked = self._first is not None and not self._missing()
        return looked and all(map(self._answers, self._versions.values()))

    def settled(self) -> bool:
        """Whether every app answers, or has no version that will: all of them were judged.

        What cannot answer here cannot answer anywhere until the repository changes.
        """
        return self._first is not None and all(map(self._settled, self._versions.values()))

    def _settled(self, versions: AppVersions) -> bool:
        judged = not versions.loading and not versions.waiting
        return self._answers(versions) or (judged and versions.active is None)

    def _missing(self) -> list[str]:
        """The added models that a setting names and that are not there."""
        return [name for name in self._named() if name not in self._versions]

    def _answers(self, versions: AppVersions) -> bool:
        free = versions.app.home is not None and versions.app.name not in self._named()
        if free and versions.app.name not in (self._first or ()):
            return True
        active = versions.loaded.get(versions.active) if versions.active is not None else None
        if active is not None:
            return active.backend.available()
        return free and not (versions.loaded or versions.loading or versions.waiting)

    def _named(self) -> tuple[str, ...]:
        return self._added.named if self._added is not None else ()

    async def refresh(self, patience: float | None = None) -> None:
        """Load new versions, unload those that are gone, and follow the aliases.

        Waits at most `patience` seconds for versions that are being loaded; None: until all of them are judged.
        The loading goes on after that, and the next call does not begin it a second time.
        """
        await self._look_for_added()
        every = list(self._versions.values())
        # One thread for all: a hop to a thread costs more than to read a folder.
        seen = await asyncio.to_thread(lambda: list(map(self._read, every)))
        looks = await asyncio.gather(*map(self._look, every, seen), return_exceptions=True)
        for versions, error in zip(every, looks, strict=True):
            if error is not None:
                self._note(versions, error)
        if self._first is None:
            self._first = frozenset(one.app.name for one in every if one.app.home is not None)
        loading = [task for versions in self._versions.values() for task in versions.loading.values()]
        if loading:
            await asyncio.wait(loading, timeout=patience)

    async def close(self) -> None:
        """Close every backend once its running batches have ended."""
        loading = [task for versions in self._versions.values() for task in versions.loading.values()]
        for task in loading:
            task.cancel()
        await asyncio.gather(*loading, return_exceptions=True)
        for versions in self._versions.values():
            for number in list(versions.loaded):
                self._unload(versions, number)
        await asyncio.gather(*self._closing, return_exceptions=True)

    async def _look_for_added(self) -> None:
        """Take in models that were added since the last look, and drop those whose folder is gone."""
        if self._added is None:
            return
        names = await asyncio.to_thread(self._added.names)
        for name in [name for name, versions in self._versions.items() if versions.app.home and name not in names]:
            self._drop(self._versions[name])
        find, new = self._added.app, [name for name in names if name not in self._versions]
        for name, app in zip(new, await asyncio.to_thread(lambda: list(map(find, new))), strict=True):
            if app is not None:
                self._versions[name] = AppVersions(app)
        if (missing := self._missing()) != self._noted and missing:
            log.warning("not ready: the model repository has no added model %s", ", ".join(missing))
        self._noted = missing

    def _drop(self, versions: AppVersions) -> None:
        """Forget an added model that has no version any more."""
        del self._versions[versions.app.name]
        for number in list(versions.loaded):
            self._unload(versions, number)
        for task in versions.loading.values():
            task.cancel()

    async def _look(self, versions: AppVersions, seen: Seen | OSError) -> None:
        """Compare what was seen in one app's folder with what is loaded. Raises what went wrong there."""
        if isinstance(seen, OSError):
            raise seen
        if versions.app.home is not None and not seen[0]:
            self._drop(versions)
            return
        self._follow(versions, *seen)
        await self._activate(versions)

    def _note(self, versions: AppVersions, error: BaseException) -> None:
        """What goes wrong with one app's folder concerns this app alone, whose loaded versions stay."""
        problem = self._public(f"{type(error).__name__}: {error}")
        if versions.problem != problem:
            log.error("the versions of %s cannot be read", versions.app.name, exc_info=error)
        versions.problem = problem

    def _read(self, versions: AppVersions) -> Seen | OSError:
        """What one app's folder has, or why it cannot be read. Blocking."""
        name = versions.app.name
        try:
            published = {number: self._stamp(versions, number) for number in self._repository.versions(name)}
        except OSError as error:
            return error
        try:
            aliases, versions.problem = self._repository.aliases(name), ""
        except Refused as refusal:
            # A version that aliases do not name must not answer because somebody damaged them.
            nobody = 0 if self._repository.guarded else None
            aliases, problem = Aliases(versions.active or nobody), self._public(str(refusal))
            if versions.problem != problem:
                log.warning("the aliases of %s cannot be read: %s", name, refusal)
            versions.problem = problem
        return published, aliases

    def _follow(self, versions: AppVersions, published: dict[int, object], aliases: Aliases) -> None:
        """Begin to load what is wanted, the champion first, and unload what is not."""
        versions.champion = aliases.champion
        aliased = {v for v in (aliases.champion, aliases.challenger, versions.active) if v in published}
        wanted = aliased | set(sorted(published)[-self._keep :])
        gone = versions.loaded.keys() - wanted
        if versions.app.home is not None:
            # A model that was removed and added again begins with version 1 again.
            gone |= {n for n in versions.loaded.keys() & wanted if published[n] not in (None, versions.stamps[n])}
        for number in sorted(gone):
            self._unload(versions, number)
        for reasons in (versions.refused, versions.waiting):
            for number in [n for n in reasons if n not in published]:
                del reasons[number]
        missing = wanted - versions.loaded.keys() - versions.loading.keys()
        missing -= {n for n, (stamp, _) in versions.refused.items() if stamp == published[n]}
        champion = max(wanted, default=None) if aliases.champion is None else aliases.champion
        for number in sorted(missing, key=lambda n: (n == champion, n), reverse=True):
            if number not in versions.refused:
                versions.waiting.setdefault(number, "it is being loaded")
            first = None if number == champion or champion is None else versions.loading.get(champion)
            loading = self._load(versions, number, published[number], first)
            versions.loading[number] = asyncio.create_task(loading)

    async def _load(
        self, versions: AppVersions, number: int, stamp: object, first: asyncio.Task[None] | None
    ) -> None:
        """Load one version once `first`, the champion, has been judged. Any error refuses this version alone."""
        name = versions.app.name
        try:
            if first is not None:
                await asyncio.wait([first])
            versions.loaded[number] = await load(versions.app, number, self._repository, self._open_backend)
            versions.stamps[number] = stamp
        except Refused as refusal:
            self._refuse(versions, number, stamp, str(refusal))
        except (Unavailable, DeadlineExceeded) as error:
            if versions.waiting.get(number) != self._public(error.message):
                self._observer.waiting(name, number, error.message)
            versions.waiting[number] = self._public(error.message)
        except Exception as cause:  # noqa: BLE001  a damaged file and an app's own code may raise any error
            log.exception("%s %d cannot be loaded", name, number)
            self._refuse(versions, number, stamp, f"{type(cause).__name__}: {cause}")
        else:
            versions.refused.pop(number, None)
            versions.waiting.pop(number, None)
            self._observer.loaded(name, number)
        finally:
            del versions.loading[number]
        await self._activate(versions)

    def _refuse(self, versions: AppVersions, number: int, stamp: object, reason: str) -> None:
        versions.refused[number] = (stamp, self._public(reason)[:MOST_REASON])
        versions.waiting.pop(number, None)
        self._observer.refused(versions.app.name, number, reason[:MOST_REASON])

    def _public(self, text: str) -> str:
        """A reason as callers see it. The log has the whole text, with the paths."""
        root = self._repository.root
        return without_paths(text, (root.absolute(), root))

    async def _activate(self, versions: AppVersions) -> None:
        """Let the champion (without one, the newest) answer once it is loaded and prepared."""
        target = max(versions.loaded, default=None) if versions.champion is None else versions.champion
        if target is None or target not in versions.loaded or target == versions.active:
            return
        loaded = versions.loaded[target]
        if versions.active is not None and not self._prepared(loaded):
            return
        versions.active = target
        versions.app = loaded.app
        self._observer.champion(versions.app.name, target)
        await open_explainer(loaded)

    def _unload(self, versions: AppVersions, number: int) -> None:
        """Stop answering with a version. Its running batches end on their own, and nothing waits for them."""
        loaded = versions.loaded.pop(number)
        if versions.active == number:
            versions.active = None
        self._observer.unloaded(versions.app.name, number)
        closing = asyncio.ensure_future(loaded.backend.close())
        self._closing.add(closing)
        closing.add_done_callback(self._closed)

    def _closed(self, closing: asyncio.Future[None]) -> None:
        self._closing.discard(closing)
        if not closing.cancelled() and (error := closing.exception()) is not None:
            log.error("a backend could not be closed", exc_info=error)

    def _stamp(self, versions: AppVersions, number: int) -> object:
        replaceable = versions.app.home is not None and number in versions.loaded
        known = versions.stamps.get(number) if replaceable else None
        try:
            return self._repository.stamp(versions.app.name, number, known)
        except OSError:
            return None


def _why_none(versions: AppVersions) -> str:
    reasons = {**{n: r for n, (_, r) in versions.refused.items()}, **versions.waiting}
    if versions.problem:
        return f": {versions.problem}"
    champion = versions.champion
    if champion is not None and champion not in reasons and champion not in versions.loaded:
        return f": its champion is version {champion}, which is not in the model repository"
    if not reasons:
        return ": the model repository has none that is loaded"
    shown = champion if champion in reasons else max(reasons)
    return f": version {shown}: {reasons[shown]}"
