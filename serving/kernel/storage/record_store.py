"""The interface to the databases that complete short questions; `serving/records` implements it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from serving.kernel.app import App, FeatureSource
from serving.kernel.call import Call
from serving.kernel.collection import Collection

__all__ = ["Encoder", "Lookup", "Page", "RecordStore", "Vectors"]

Vectors = npt.NDArray[np.float32]


class Encoder(Protocol):
    """An app's encoder of one version. Blocking; may be used from several threads."""

    app: App[Any, Any, Any]
    collection: Collection[Any, Any]
    digest: str
    """The digest of the graph's file: versions with the same digest make the same vectors."""

    def records(self, records: Sequence[Any]) -> Vectors:
        """Vectors of records, [n, width]."""
        ...

    def questions(self, questions: Sequence[Any]) -> Vectors:
        """Vectors of questions, [n, width]."""
        ...


class Lookup(Protocol):
    """Completes short questions from the tables of an existing database."""

    async def complete(self, source: FeatureSource[Any], questions: Sequence[Any], call: Call) -> list[Any]:
        """The questions, short ones completed. Raises `NotFound`, `Invalid`, `Unavailable`."""
        ...


@dataclass(frozen=True, slots=True)
class Page:
    """Some records of a collection, ordered by id."""

    records: list[Any]
    count: int
    """The number of records in the whole collection."""
    after: str | None
    """The id after which the next page starts; None if this is the last page."""


class RecordStore(Protocol):
    """Stores the collections of apps. Every method raises `Unavailable` while its database cannot be reached."""

    async def put(
        self, app: App[Any, Any, Any], records: Sequence[Any], encoders: Iterable[Encoder], call: Call
    ) -> None:
        """Write records, each id once: all of them or none."""
        ...

    async def get(self, app: App[Any, Any, Any], identity: str, call: Call) -> Any:
        """One record. Raises `NotFound`."""
        ...

    async def delete(self, app: App[Any, Any, Any], identity: str, call: Call) -> None:
        """Remove one record. Raises `NotFound`."""
        ...

    async def page(self, app: App[Any, Any, Any], after: str, most: int, call: Call) -> Page:
        """At most `most` records after the id `after`, ordered by id."""
        ...

    async def complete(self, encoder: Encoder, questions: Sequence[Any], call: Call) -> list[Any]:
        """The questions, short ones completed from the collection. Raises `NotReady`."""
        ...
