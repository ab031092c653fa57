"""The home of every request: all doors call this one object."""

from __future__ import annotations

import asyncio
from asyncio import Future
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from serving.kernel.app import App
from serving.kernel.call import Call
from serving.kernel.collection import Collection
from serving.kernel.errors import DeadlineExceeded, NotFound, NotReady, Unavailable
from serving.kernel.settings import Settings
from serving.kernel.storage.record_store import Lookup, Page, RecordStore
from serving.kernel.tensors import Arrays, TensorSpec
from serving.models.catalog import Catalog
from serving.models.loaded_version import LoadedVersion

__all__ = ["FALLBACK", "DataPlane", "IndexEntry", "ModelMetadata"]

PLATFORM = "onnxruntime_onnx"
FALLBACK = 0
"""Stands for the version where an app's fallback answered."""


@dataclass(frozen=True, slots=True)
class ModelMetadata:
    """What a model takes and gives. `versions` are those that can be asked for, ascending."""

    name: str
    versions: tuple[int, ...]
    platform: str
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]


@dataclass(frozen=True, slots=True)
class IndexEntry:
    """One version in the repository: READY, LOADING or UNAVAILABLE with the reason."""

    name: str
    version: int
    state: str
    reason: str = ""


class DataPlane:
    """Steps 3 to 7 of a request's life. Doors do 1, 2 and 8."""

    def __init__(
        self,
        settings: Settings,
        catalog: Catalog,
        database: Lookup | None = None,
        store: RecordStore | None = None,
    ) -> None:
        """`database` and `store` complete short questions of apps that say how; `store` keeps collections."""
        self.settings = settings
        self._catalog = catalog
        self._database = database
        self._store = store

    def app(self, model: str) -> App[Any, Any, Any]:
        """The app of that name. Raises `NotFound`."""
        return self._catalog.versions(model).app

    def apps(self) -> tuple[App[Any, Any, Any], ...]:
        """Every app this process serves, by name."""
        return self._catalog.apps()

    def ready(self) -> bool:
        """Whether every app has a verified version to answer with."""
        return self._catalog.ready()

    def model_ready(self, model: str, version: int | None = None) -> bool:
        """Whether that version (default: the champion) can answer. Raises `NotFound`."""
        try:
            self._catalog.resolve(model, version)
        except NotReady:
            return False
        return True

    def metadata(self, model: str, version: int | None = None) -> ModelMetadata:
        """Names, types and shapes. Raises `NotFound`, and `NotReady` for a version that cannot answer."""
        found = self._catalog.versions(model)
        if version is not None:
            self._catalog.resolve(model, version)
        return ModelMetadata(model, tuple(sorted(found.loaded)), PLATFORM, found.app.inputs, found.app.outputs)

    def index(self) -> list[IndexEntry]:
        """Every version in the repository with its state."""
        entries = []
        for app in self._catalog.apps():
            versions = self._catalog.versions(app.name)
            states = {n: IndexEntry(app.name, n, "READY") for n in versions.loaded}
            states |= {n: IndexEntry(app.name, n, "LOADING", why) for n, why in versions.waiting.items()}
            states |= {n: IndexEntry(app.name, n, "UNAVAILABLE", why) for n, (_, why) in versions.refused.items()}
            entries += [states[number] for number in sorted(states)]
        return entries

    def ask(
        self, call: Call, model: str, version: int | None, questions: Sequence[Any]
    ) -> tuple[int, Future[list[Any]]]:
        """Put typed questions in the queue: the version that will answer, and its answers, one per question.

        Raises `NotFound` or `NotReady`; whatever else goes wrong is in the future. `Invalid` names its field from
        the list of questions on: `[0].market`. Where no version is loaded and none was asked for, an app's
        fallback answers, as version `FALLBACK`.
        """
        try:
            loaded = self._catalog.resolve(model, version)
        except NotReady:
            app = self._catalog.versions(model).app
            if app.fallback is None or version is not None:
                raise
            return FALLBACK, asyncio.ensure_future(self._fall_back(call, app, questions))
        if self._short(loaded.app, questions):
            return loaded.number, asyncio.ensure_future(self._complete_and_ask(call, loaded, questions))
        return loaded.number, loaded.backend.submit(loaded.questions, questions, call)

    def submit(self, call: Call, model: str, version: int | None, inputs: Arrays) -> tuple[int, Future[Arrays]]:
        """Put tensors in the queue: the version that will run, and all its outputs.

        `inputs` are the app's, complete, in its order and of its shapes: doors see to that before memory is taken.
        Raises `NotFound` or `NotReady`; whatever else goes wrong is in the future.
        """
        loaded = self._catalog.resolve(model, version)
        return loaded.number, loaded.backend.submit(loaded.tensors, inputs, call)

    async def explain(
        self, call: Call, model: str, version: int | None, questions: Sequence[Any]
    ) -> tuple[int, list[Any]]:
        """The version that answers, and what was behind each answer. Raises `NotFound` where an app has none."""
        loaded = self._catalog.resolve(model, version)
        if loaded.app.explainer is None:
            raise NotFound(f"{model} does not explain its answers")
        if self._short(loaded.app, questions):
            questions = await self._completed(call, loaded.app, questions, loaded)
        features = loaded.app.features(questions, loaded.context)
        async with _deadline(call):
            return loaded.number, await asyncio.to_thread(lambda: loaded.explainer()(questions, features))

    async def put_records(self, call: Call, model: str, collection: str, records: Sequence[Any]) -> None:
        """Store records, each id once, all or none; the next question finds them. See `CollectionStore.put`."""
        app, store = self._kept(model, collection)
        encoders = [one.encoder for one in self._catalog.loaded(model) if one.encoder is not None]
        await store.put(app, records, encoders, call)

    async def get_record(self, call: Call, model: str, collection: str, identity: str) -> Any:
        """One record. Raises `NotFound`, `Unavailable`."""
        app, store = self._kept(model, collection)
        return await store.get(app, identity, call)

    async def delete_record(self, call: Call, model: str, collection: str, identity: str) -> None:
        """Remove one record: no later question finds it. Raises `NotFound`, `Unavailable`."""
        app, store = self._kept(model, collection)
        await store.delete(app, identity, call)

    async def page_records(self, call: Call, model: str, collection: str, after: str, most: int) -> Page:
        """At most `most` records behind the id `after`. Raises `NotFound`, `Unavailable`."""
        app, store = self._kept(model, collection)
        return await store.page(app, after, most, call)

    def collection(self, model: str, collection: str) -> Collection[Any, Any]:
        """The collection of that name. Raises `NotFound`."""
        kept = self.app(model).collection
        if kept is None:
            raise NotFound(f"{model} keeps no collection")
        if kept.name != collection:
            raise NotFound(f"{model} has no collection {collection[:64]!r}; it has {kept.name}")
        return kept

    def _kept(self, model: str, collection: str) -> tuple[App[Any, Any, Any], RecordStore]:
        self.collection(model, collection)
        if self._store is None:
            raise Unavailable(f"this server keeps no {collection}: SLIPWAY_COLLECTIONS_URL is not set", 60)
        return self.app(model), self._store

    def _short(self, app: App[Any, Any, Any], questions: Sequence[Any]) -> bool:
        """Whether a database has to be asked. Without one, the features say what is missing."""
        source, kept = app.source, app.collection
        return (source is not None and self._database is not None and any(map(source.is_short, questions))) or (
            kept is not None and self._store is not None and any(map(kept.is_short, questions))
        )

    async def _completed(
        self, call: Call, app: App[Any, Any, Any], questions: Sequence[Any], loaded: LoadedVersion | None = None
    ) -> Sequence[Any]:
        """The questions, those that are short completed; from a collection only by a loaded version."""
        if self._database is not None and app.source is not None and any(map(app.source.is_short, questions)):
            questions = await self._database.complete(app.source, questions, call)
        kept = app.collection
        if self._store is None or kept is None or loaded is None or not any(map(kept.is_short, questions)):
            return questions
        if loaded.encoder is None:
            raise NotReady(
                f"{app.name} version {loaded.number} has no encoder: train again, or give {kept.name}", 60
            )
        return await self._store.complete(loaded.encoder, questions, call)

    async def _complete_and_ask(self, call: Call, loaded: LoadedVersion, questions: Sequence[Any]) -> list[Any]:
        whole = await self._completed(call, loaded.app, questions, loaded)
        answers: list[Any] = await loaded.backend.submit(loaded.questions, whole, call)
        return answers

    async def _fall_back(self, call: Call, app: App[Any, Any, Any], questions: Sequence[Any]) -> list[Any]:
        whole = await self._completed(call, app, questions) if self._short(app, questions) else questions
        async with _deadline(call):
            answers: list[Any] = await asyncio.to_thread(app.fallback, whole)  # type: ignore[arg-type]
        return answers


@asynccontextmanager
async def _deadline(call: Call) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(call.remaining()):
            yield
    except TimeoutError as cause:
        raise DeadlineExceeded("the deadline passed before the answer was ready") from cause
