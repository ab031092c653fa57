"""Records that apps keep, live: what was put is found by the next question, here and at every other gateway.

The store is one PostgreSQL that all gateways share. Before a search, what other gateways wrote without a vector
for the version that is asked is encoded here; there is no moment at which a record is kept and not found.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from serving.kernel.app import App
from serving.kernel.call import Call
from serving.kernel.errors import NotReady, SlipwayError, Unavailable
from serving.kernel.storage.record_store import Encoder, Page
from serving.records import transactions
from serving.records.pool import Engine, Session
from serving.records.transactions import Filled

__all__ = ["Store"]

T = TypeVar("T")

SETTING = "SLIPWAY_COLLECTIONS_URL"
GONE = (
    "the database with the collections cannot be reached now; try again. Questions with own records are answered"
)
BATCH_SECONDS = 60.0
"""What one batch may take while a version catches up."""
AGAIN_SECONDS = 0.1
TOUCH_SECONDS = 3600.0
"""How often a gateway says in the database that it has an encoder."""


@dataclass(eq=False)
class _Standing:
    """How far one encoder is."""

    encoder: Encoder
    filled: Filled = Filled()
    ready: bool = False
    problem: str = "they are being encoded"
    touched: float = 0.0
    task: asyncio.Task[None] | None = None


class Store:
    """The database of `SLIPWAY_COLLECTIONS_URL`."""

    def __init__(self, url: str) -> None:
        """Connects at first use. Raises `ValueError` naming the setting for a URL it cannot use."""
        self._engine = Engine(url, SETTING, GONE)
        if self._engine.dialect != "postgresql":
            raise ValueError(f"{SETTING}: expected postgresql://user@host/database, a database with pgvector")
        self._standings: dict[tuple[str, str], _Standing] = {}
        self._prepared = False

    def follow(self, encoders: Iterable[Encoder]) -> None:
        """From now on these encoders answer: what they lack is made in the background. Others are forgotten."""
        wanted = {_key(encoder): encoder for encoder in encoders}
        for key in self._standings.keys() - wanted.keys():
            standing = self._standings.pop(key)
            if standing.task is not None:
                standing.task.cancel()
        for key, encoder in wanted.items():
            standing = self._standings.setdefault(key, _Standing(encoder))
            due = not standing.ready or time.monotonic() - standing.touched > TOUCH_SECONDS
            if due and (standing.task is None or standing.task.done()):
                standing.task = asyncio.get_running_loop().create_task(self._catch_up(standing))

    def behind(self, encoder: Encoder) -> bool:
        """Whether it is still being brought up to date. One that could not be, for now, is not."""
        standing = self._standings.get(_key(encoder))
        return standing is None or not (standing.ready or (standing.task is not None and standing.task.done()))

    async def settled(self) -> None:
        """Wait until every encoder has caught up or could not."""
        tasks = [standing.task for standing in self._standings.values() if standing.task is not None]
        await asyncio.gather(*tasks)

    async def put(
        self, app: App[Any, Any, Any], records: Sequence[Any], encoders: Iterable[Encoder], call: Call
    ) -> None:
        """Write records, each id once: all or none. Raises what `Engine.run` raises."""
        unique = {_key(encoder): encoder for encoder in encoders}
        await self._run(partial(transactions.put, app, records, list(unique.values())), call)

    async def get(self, app: App[Any, Any, Any], identity: str, call: Call) -> Any:
        """One record. Raises `NotFound`, and what `Engine.run` raises."""
        return await self._run(partial(transactions.get, app, identity), call)

    async def delete(self, app: App[Any, Any, Any], identity: str, call: Call) -> None:
        """Remove one record; no search that begins afterwards finds it. Raises `NotFound`."""
        await self._run(partial(transactions.delete, app, identity), call)

    async def page(self, app: App[Any, Any, Any], after: str, most: int, call: Call) -> Page:
        """At most `most` records behind the id `after`, by id."""
        return await self._run(partial(transactions.page, app, after, most), call)

    async def complete(self, encoder: Encoder, questions: Sequence[Any], call: Call) -> list[Any]:
        """The questions, those that are short completed with the records that suit them best.

        Raises `NotReady` while the encoder has not seen all records, and what `Engine.run` raises.
        """
        standing = self._standings.get(_key(encoder))
        if standing is None or not standing.ready:
            why = standing.problem if standing is not None else "the version was loaded a moment ago"
            raise NotReady(
                f"the {encoder.collection.name} of {encoder.app.name} cannot be searched yet: {why}; try again, "
                "or give them with the question",
                retry_after=2,
            )
        filled, found = await self._run(partial(_search, standing, questions), call)
        if found is None:
            standing.ready, standing.filled = False, Filled()
            raise NotReady(f"the {encoder.collection.name} of {encoder.app.name} are encoded anew", retry_after=2)
        standing.filled = _later(standing.filled, filled)
        return found

    def close(self) -> None:
        """Release threads and connections; what runs is not waited for."""
        self.follow(())
        self._engine.close()

    async def _catch_up(self, standing: _Standing) -> None:
        """Batch by batch, each in a transaction of its own, until no record lacks its vector."""
        try:
            await self._run(partial(transactions.register, standing.encoder), _patient())
            # On its own until it is done: searches that run meanwhile must not take a round's middle for its end.
            filled, done = standing.filled, False
            while not done:
                job = partial(transactions.fill, standing.encoder, filled, once=True)
                filled, done = await self._run(job, _patient())
                if not done and not filled.after:
                    # Somebody is changing a record that lacks its vector.
                    await asyncio.sleep(AGAIN_SECONDS)
        except SlipwayError as error:
            standing.problem = f"they cannot be encoded ({error.title.lower()})"
            return
        standing.filled = _later(standing.filled, filled)
        standing.ready, standing.touched = True, time.monotonic()

    async def _run(self, job: Callable[[Session], T], call: Call) -> T:
        try:
            if not self._prepared:
                await self._engine.run(transactions.prepare, call)
                self._prepared = True
            return await self._engine.run(job, call)
        except Unavailable:
            # It may come back without its tables.
            self._prepared = False
            raise


def _search(standing: _Standing, questions: Sequence[Any], session: Session) -> tuple[Filled, list[Any] | None]:
    """Make what is missing, then search; None where the database does not know the encoder any more."""
    filled, _ = transactions.fill(standing.encoder, standing.filled, session)
    if not filled.encoder:
        return filled, None
    return filled, transactions.nearest(standing.encoder, filled.encoder, questions, session)


def _later(known: Filled, found: Filled) -> Filled:
    """Two looks that ran side by side may end in any order."""
    return known if known.encoder == found.encoder and known.since > found.since else found


def _key(encoder: Encoder) -> tuple[str, str]:
    return encoder.app.name, encoder.digest


def _patient() -> Call:
    return Call("collection", time.monotonic() + BATCH_SECONDS)
