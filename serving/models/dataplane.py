"""The one object that all doors call."""

from __future__ import annotations

import asyncio
from asyncio import Future
from collections.abc import AsyncIterator, Container, Sequence
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
from serving.observe.metrics import Metrics
from serving.observe.statistics import VersionStatistics

__all__ = ["FALLBACK", "DataPlane", "IndexEntry", "ModelMetadata"]

FALLBACK = 0
"""The version number of answers by an app's fallback."""


@dataclass(frozen=True, slots=True)
class ModelMetadata:
    """The inputs and outputs of a model. `versions` are the loaded ones, ascending."""

    name: str
    versions: tuple[int, ...]
    platform: str
    """As Triton's configuration has it; empty where `backend` says it all."""
    backend: str
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]


@dataclass(frozen=True, slots=True)
class IndexEntry:
    """One version in the repository: READY, LOADING or UNAVAILABLE, with the reason."""

    name: str
    version: int
    state: str
    reason: str = ""


class DataPlane:
    """Answers questions and tensors with the right version of an app."""

    def __init__(
        self,
        settings: Settings,
        catalog: Catalog,
        database: Lookup | None = None,
        store: RecordStore | None = None,
        metrics: Metrics | None = None,
    ) -> None:
        """`database` and `store` complete short questions of apps that say how; `store` has the collections.

        `metrics` has the statistics; without it, all of them are zero.
        """
        self.settings = settings
        self._catalog = catalog
        self._database = database
        self._store = store
        self._metrics = metrics or Metrics()

    def app(self, model: str, version: int | None = None) -> App[Any, Any, Any]:
        """The app with this name, as this version of an added model has it. Raises `NotFound`."""
        versions = self._catalog.versions(model)
        loaded = versions.loaded.get(version) if version is not None else None
        return versions.app if loaded is None else loaded.app

    def apps(self) -> tuple[App[Any, Any, Any], ...]:
        """Every app this process serves, by name."""
        return self._catalog.apps()

    def models(self) -> Container[object]:
        """The names of the models that this process serves at any moment."""
        return self._catalog.names()

    def ready(self) -> bool:
        """Whether every app has a verified version that would answer a request now."""
        return self._catalog.ready()

    def model_ready(self, model: str, version: int | None = None) -> bool:
        """Whether this version (default: the champion) would answer now. Raises `NotFound`."""
        try:
            return self._catalog.resolve(model, version).backend.available()
        except NotReady:
            return False

    def metadata(self, model: str, version: int | None = None) -> ModelMetadata:
        """Names, types and shapes. Raises `NotFound`, and `NotReady` for a version that cannot answer."""
        found = self._catalog.versions(model)
        if version is not None:
            self._catalog.resolve(model, version)
        app = self.app(model, version)
        engine = (app.triton_platform, app.triton_backend)
        return ModelMetadata(model, tuple(sorted(found.loaded)), *engine, app.inputs, app.outputs)

    def statistics(self, model: str = "", version: int | None = None) -> list[tuple[str, int, VersionStatistics]]:
        """What each loaded version of the model has done in this process; of all models without a name.

        Raises `NotFound`, and `NotReady` for a version that cannot answer.
        """
        found = [self._catalog.resolve(model, version)] if version is not None else self._catalog.loaded(model)
        self._metrics.flush()
        named = sorted((one.app.name, one.number) for one in found)
        return [(name, number, self._metrics.statistics.open(name, number)) for name, number in named]

    def index(self) -> list[IndexEntry]:
        """Every version in the repository with its state."""
        entries = []
        for app in self._catalog.apps():
            versions = self._catalog.versions(app.name)
            states = {n: _loaded(app.name, n, one) for n, one in versions.loaded.items()}
            states |= {n: IndexEntry(app.name, n, "LOADING", why) for n, why in versions.waiting.items()}
            states |= {n: IndexEntry(app.name, n, "UNAVAILABLE", why) for n, (_, why) in versions.refused.items()}
            entries += [states[number] for number in sorted(states)]
        return entries

    def ask(
        self, call: Call, model: str, version: int | None, questions: Sequence[Any]
    ) -> tuple[int, Future[list[Any]]]:
        """Queue typed questions; returns the version that answers and a future of one answer per question.

        Raises `NotFound` or `NotReady`; the future carries any other error. The field of an `Invalid` starts with
        the index of the question: `[0].market`. If no version is loaded and the caller asked for none, the app's
        fallback answers, as version `FALLBACK`.
        """
        try:
            loaded = self._catalog.resolve(model, version)
        except NotReady:
            app = self._catalog.versions(model).app
            if app.fallback is None or version is not None:
                raise
            return FALLBACK, asyncio.ensure_future(self._fall_back(call, app, questions))
        if self._any_short(loaded.app, questions):
            return loaded.number, asyncio.ensure_future(self._complete_and_ask(call, loaded, questions))
        return loaded.number, loaded.backend.submit(loaded.questions, questions, call)

    def submit(self, call: Call, model: str, version: int | None, inputs: Arrays) -> tuple[int, Future[Arrays]]:
        """Queue tensors; returns the version that runs and a future of all its outputs.

        `inputs` have to be complete, in the app's order and of its shapes: doors check that before they allocate
        memory. Raises `NotFound` or `NotReady`; the future carries any other error.
        """
        loaded = self._catalog.resolve(model, version)
        return loaded.number, loaded.backend.submit(loaded.tensors, inputs, call)

    async def explain(
        self, call: Call, model: str, version: int | None, questions: Sequence[Any]
    ) -> tuple[int, list[Any]]:
        """The version and its explanations, one per question. Raises `NotFound` if the app has no explanations."""
        loaded = self._catalog.resolve(model, version)
        if loaded.app.explainer is None:
            raise NotFound(f"{model} does not explain its answers")
        if self._any_short(loaded.app, questions):
            questions = await self._completed(call, loaded.app, questions, loaded)
        features = loaded.app.features(questions, loaded.context)
        async with _deadline(call):
            return loaded.number, await asyncio.to_thread(lambda: loaded.explainer()(questions, features))

    async def put_records(self, call: Call, model: str, collection: str, records: Sequence[Any]) -> None:
        """Store records, each id once, all or none; the next question finds them. See `CollectionStore.put`."""
        app, store = self._stored(model, collection)
        encoders = [one.encoder for one in self._catalog.loaded(model) if one.encoder is not None]
        await store.put(app, records, encoders, call)

    async def get_record(self, call: Call, model: str, collection: str, identity: str) -> Any:
        """One record. Raises `NotFound`, `Unavailable`."""
        app, store = self._stored(model, collection)
        return await store.get(app, identity, call)

    async def delete_record(self, call: Call, model: str, collection: str, identity: str) -> None:
        """Delete one record; no later question finds it. Raises `NotFound`, `Unavailable`."""
        app, store = self._stored(model, collection)
        await store.delete(app, identity, call)

    async def page_records(self, call: Call, model: str, collection: str, after: str, most: int) -> Page:
        """At most `most` records after the id `after`. Raises `NotFound`, `Unavailable`."""
        app, store = self._stored(model, collection)
        return await store.page(app, after, most, call)

    def collection(self, model: str, collection: str) -> Collection[Any, Any]:
        """The collection with this name. Raises `NotFound`."""
        found = self.app(model).collection
        if found is None:
            raise NotFound(f"{model} has no collection")
        if found.name != collection:
            raise NotFound(f"{model} has no collection {collection[:64]!r}; it has {found.name}")
        return found

    def _stored(self, model: str, collection: str) -> tuple[App[Any, Any, Any], RecordStore]:
        self.collection(model, collection)
        if self._store is None:
            raise Unavailable(f"this server has no {collection}: SLIPWAY_COLLECTIONS_URL is not set", 60)
        return self.app(model), self._store

    def _any_short(self, app: App[Any, Any, Any], questions: Sequence[Any]) -> bool:
        """Whether any question has to be completed. Without a database, `features` reports what is missing."""
        source, collection = app.source, app.collection
        return (source is not None and self._database is not None and any(map(source.is_short, questions))) or (
            collection is not None and self._store is not None and any(map(collection.is_short, questions))
        )

    async def _completed(
        self, call: Call, app: App[Any, Any, Any], questions: Sequence[Any], loaded: LoadedVersion | None = None
    ) -> Sequence[Any]:
        """The questions, short ones completed; from a collection only with a loaded version."""
        if self._database is not None and app.source is not None and any(map(app.source.is_short, questions)):
            questions = await self._database.complete(app.source, questions, call)
        collection = app.collection
        if self._store is None or collection is None or loaded is None:
            return questions
        if not any(map(collection.is_short, questions)):
            return questions
        if loaded.encoder is None:
            missing = f"{app.name} version {loaded.number} has no encoder"
            raise NotReady(f"{missing}: train again, or send the {collection.name} with the question", 60)
        return await self._store.complete(loaded.encoder, questions, call)

    async def _complete_and_ask(self, call: Call, loaded: LoadedVersion, questions: Sequence[Any]) -> list[Any]:
        whole = await self._completed(call, loaded.app, questions, loaded)
        answers: list[Any] = await loaded.backend.submit(loaded.questions, whole, call)
        return answers

    async def _fall_back(self, call: Call, app: App[Any, Any, Any], questions: Sequence[Any]) -> list[Any]:
        whole = await self._completed(call, app, questions) if self._any_short(app, questions) else questions
        async with _deadline(call):
            answers: list[Any] = await asyncio.to_thread(app.fallback, whole)  # type: ignore[arg-type]
        return answers


def _loaded(app: str, number: int, version: LoadedVersion) -> IndexEntry:
    if version.backend.available():
        return IndexEntry(app, number, "READY")
    return IndexEntry(app, number, "UNAVAILABLE", "what runs its model does not answer")


@asynccontextmanager
async def _deadline(call: Call) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(call.remaining()):
            yield
    except TimeoutError as cause:
        raise DeadlineExceeded("the deadline passed before the answer was ready") from cause
