"""Collections of records: a record that was put is found by the next question, at every gateway.

All gateways share one PostgreSQL database. Before a search, a gateway makes the vectors that are missing for the
version that answers, because another gateway wrote the records without that version's encoder. So there is no
moment at which a stored record is not found.
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
from serving.kernel.settings import SettingsError
from serving.kernel.storage.record_store import Encoder, Page
from serving.records import transactions
from serving.records.pool import Pool, Transaction
from serving.records.transactions import Backfill

__all__ = ["CollectionStore"]

T = TypeVar("T")

SETTING = "SLIPWAY_COLLECTIONS_URL"
UNREACHABLE = (
    "the database with the collections cannot be reached now; try again, or send the records with the question"
)
BATCH_SECONDS = 60.0
"""The deadline of one batch while an encoder catches up."""
RETRY_SECONDS = 0.1
REGISTER_SECONDS = 3600.0
"""How often a gateway records in the database that it uses an encoder."""


@dataclass(eq=False)
class _EncoderState:
    """One encoder and how far its vectors have been made."""

    encoder: Encoder
    progress: Backfill = Backfill()
    ready: bool = False
    problem: str = "they are being encoded"
    registered: float = 0.0
    task: asyncio.Task[None] | None = None


class CollectionStore:
    """The database of `SLIPWAY_COLLECTIONS_URL`."""

    def __init__(self, url: str) -> None:
        """Connects at first use. Raises `SettingsError` naming the setting for a URL it cannot use."""
        self._pool = Pool(url, SETTING, UNREACHABLE)
        if self._pool.dialect != "postgresql":
            raise SettingsError(f"{SETTING}: expected postgresql://user@host/database, a database with pgvector")
        self._states: dict[tuple[str, str], _EncoderState] = {}
        self._prepared = False

    def follow(self, encoders: Iterable[Encoder]) -> None:
        """Make the vectors that these encoders lack, in the background; other encoders are no longer tracked."""
        wanted = {_key(encoder): encoder for encoder in encoders}
        for key in self._states.keys() - wanted.keys():
            state = self._states.pop(key)
            if state.task is not None:
                state.task.cancel()
        for key, encoder in wanted.items():
            state = self._states.setdefault(key, _EncoderState(encoder))
            due = not state.ready or time.monotonic() - state.registered > REGISTER_SECONDS
            if due and (state.task is None or state.task.done()):
                state.task = asyncio.get_running_loop().create_task(self._catch_up(state))

    def behind(self, encoder: Encoder) -> bool:
        """Whether the encoder is still catching up; False also if catching up failed."""
        state = self._states.get(_key(encoder))
        return state is None or not (state.ready or (state.task is not None and state.task.done()))

    async def caught_up(self) -> None:
        """Wait until every encoder has caught up or failed to."""
        tasks = [state.task for state in self._states.values() if state.task is not None]
        await asyncio.gather(*tasks)

    async def put(
        self, app: App[Any, Any, Any], records: Sequence[Any], encoders: Iterable[Encoder], call: Call
    ) -> None:
        """Write records, each id once: all or none. Raises what `Pool.run` raises."""
        unique = {_key(encoder): encoder for encoder in encoders}
        await self._run(partial(transactions.put, app, records, list(unique.values())), call)

    async def get(self, app: App[Any, Any, Any], identity: str, call: Call) -> Any:
        """One record. Raises `NotFound`, and what `Pool.run` raises."""
        return await self._run(partial(transactions.get, app, identity), call)

    async def delete(self, app: App[Any, Any, Any], identity: str, call: Call) -> None:
        """Remove one record; no search that starts afterwards finds it. Raises `NotFound`."""
        await self._run(partial(transactions.delete, app, identity), call)

    async def page(self, app: App[Any, Any, Any], after: str, most: int, call: Call) -> Page:
        """At most `most` records after the id `after`, by id."""
        return await self._run(partial(transactions.page, app, after, most), call)

    async def complete(self, encoder: Encoder, questions: Sequence[Any], call: Call) -> list[Any]:
        """The questions, short ones completed with the records that match them best.

        Raises `NotReady` while the encoder has not encoded all records, and what `Pool.run` raises.
        """
        state = self._states.get(_key(encoder))
        if state is None or not state.ready:
            why = state.problem if state is not None else "the version was just loaded"
            raise NotReady(
                f"the {encoder.collection.name} of {encoder.app.name} cannot be searched yet: {why}; try again, "
                "or send them with the question",
                retry_after=2,
            )
        progress, found = await self._run(partial(_search, state, questions), call)
        if found is None:
            state.ready, state.progress = False, Backfill()
            raise NotReady(
                f"the {encoder.collection.name} of {encoder.app.name} are being encoded again", retry_after=2
            )
        state.progress = _further(state.progress, progress)
        return found

    def close(self) -> None:
        """Release threads and connections without waiting for running transactions."""
        self.follow(())
        self._pool.close()

    async def _catch_up(self, state: _EncoderState) -> None:
        """Make vectors in batches, each in its own transaction, until no record lacks its vector."""
        try:
            await self._run(partial(transactions.register, state.encoder), _batch_call())
            # Kept in a local variable until it is done: a search must not continue from the middle of this round.
            progress, done = state.progress, False
            while not done:
                job = partial(transactions.backfill, state.encoder, progress, once=True)
                progress, done = await self._run(job, _batch_call())
                if not done and not progress.after:
                    # A record that lacks its vector is being changed.
                    await asyncio.sleep(RETRY_SECONDS)
        except SlipwayError as error:
            state.problem = f"they cannot be encoded ({error.title.lower()})"
            return
        state.progress = _further(state.progress, progress)
        state.ready, state.registered = True, time.monotonic()

    async def _run(self, job: Callable[[Transaction], T], call: Call) -> T:
        try:
            if not self._prepared:
                await self._pool.run(transactions.prepare, call)
                self._prepared = True
            return await self._pool.run(job, call)
        except Unavailable:
            # The database may come back without its tables.
            self._prepared = False
            raise


def _search(
    state: _EncoderState, questions: Sequence[Any], transaction: Transaction
) -> tuple[Backfill, list[Any] | None]:
    """Make missing vectors, then search; None if the encoder is no longer in the database."""
    progress, _ = transactions.backfill(state.encoder, state.progress, transaction)
    if not progress.encoder:
        return progress, None
    return progress, transactions.nearest(state.encoder, progress.encoder, questions, transaction)


def _further(known: Backfill, found: Backfill) -> Backfill:
    """The further of two backfills, which may end in any order when they run at the same time."""
    return known if known.encoder == found.encoder and known.since > found.since else found


def _key(encoder: Encoder) -> tuple[str, str]:
    return encoder.app.name, encoder.digest


def _batch_call() -> Call:
    return Call("collection", time.monotonic() + BATCH_SECONDS)
