"""What the data plane relies on, checked on the implementations: the store, the lookup and the encoder."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from serving.kernel.app import FeatureSource
from serving.kernel.call import Call
from serving.kernel.errors import NotReady, Unavailable
from serving.kernel.storage.record_store import Encoder, Lookup, RecordStore
from serving.records.collection import CollectionStore
from serving.records.lookup import RecordLookup
from tests.postgres import Postgres
from tests.serving.collected import WIDTH, Lot, Want, app, open_encoder

LOTS = [Lot(f"lot{number}", "abc", size=number + 1) for number in range(5)]


def call() -> Call:
    return Call("test", time.monotonic() + 60)


def use(store: CollectionStore, act: Callable[[RecordStore], Awaitable[None]]) -> None:
    async def main() -> None:
        try:
            await act(store)
        finally:
            store.close()

    asyncio.run(main())


@pytest.fixture
def encoder(tmp_path: Path) -> Encoder:
    return open_encoder(tmp_path)


def test_pages_hold_every_record_once_and_in_order(postgres: Postgres) -> None:
    async def act(store: RecordStore) -> None:
        await store.put(app, LOTS, [], call())
        found, after = [], ""
        for most in (2, 2, 1):
            page = await store.page(app, after, most, call())
            assert page.count == 5 and len(page.records) == most
            found += page.records
            after = page.after or ""
        assert page.after is None
        assert found == LOTS
        assert (await store.page(app, "lot4", 2, call())).records == []

    use(CollectionStore(postgres.fresh()), act)


def test_a_search_is_refused_until_the_encoder_has_caught_up(postgres: Postgres, encoder: Encoder) -> None:
    async def act(store: RecordStore) -> None:
        with pytest.raises(NotReady, match="lots of lotter cannot be searched yet"):
            await store.complete(encoder, [Want("abc")], call())

    use(CollectionStore(postgres.fresh()), act)


def test_every_method_raises_unavailable_while_the_database_is_away(tmp_path: Path, encoder: Encoder) -> None:
    async def act(store: RecordStore) -> None:
        asked = (
            store.put(app, LOTS, [encoder], call()),
            store.get(app, "lot1", call()),
            store.delete(app, "lot1", call()),
            store.page(app, "", 2, call()),
            store.complete(encoder, [Want("abc")], call()),
        )
        for found in await asyncio.gather(*asked, return_exceptions=True):
            assert isinstance(found, Unavailable)

    use(CollectionStore(f"postgresql://nobody@/none?host={tmp_path}"), act)


def test_a_lookup_raises_unavailable_while_the_database_is_away(tmp_path: Path) -> None:
    lookup: Lookup = RecordLookup(f"postgresql://nobody@/none?host={tmp_path}")
    source: FeatureSource[Any] = FeatureSource(is_short=lambda _: True, complete=lambda rows, asked: rows("", {}))
    with pytest.raises(Unavailable):
        asyncio.run(lookup.complete(source, [Want("abc")], call()))


def test_an_encoder_gives_a_vector_of_length_1_for_each_record_and_question(encoder: Encoder) -> None:
    records, questions = encoder.records(LOTS), encoder.questions([Want("abc"), Want("cab"), Want("xyz")])
    assert records.shape == (5, WIDTH) and questions.shape == (3, WIDTH)
    assert records.dtype == questions.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(records, axis=1), 1, atol=1e-3)
    np.testing.assert_allclose(records @ questions.T, [[1, 1, 0]] * 5, atol=1e-3)
    assert encoder.records([]).shape == (0, WIDTH)
