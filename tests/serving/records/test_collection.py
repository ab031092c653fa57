from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from serving.kernel.call import Call
from serving.kernel.errors import DeadlineExceeded, NotFound, NotReady, Unavailable
from serving.models.backends.encoder import OnnxEncoder
from serving.records import transactions
from serving.records.collection import CollectionStore
from tests.postgres import Postgres
from tests.serving.collected import WIDTH, Lot, Want, app, open_encoder

LOTS = [
    Lot("rice", "rice", "grain"),
    Lot("price", "price", "paper"),
    Lot("ice", "ice"),
    Lot("zoo", "zoo", "grain"),
    Lot("fox", "fox", "paper"),
]
OTHER_PROCESS = """
import asyncio, sys, time
from serving.records.collection import CollectionStore
from serving.kernel.call import Call
from tests.serving.collected import Lot, app

async def main(url, identity, text):
    store = CollectionStore(url)
    await store.put(app, [Lot(identity, text)], [], Call("other", time.monotonic() + 60))
    store.close()

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.fixture
def url(postgres: Postgres) -> str:
    return postgres.fresh()


@pytest.fixture
def encoder(tmp_path: Path) -> OnnxEncoder:
    return open_encoder(tmp_path)


def call(seconds: float = 60.0) -> Call:
    return Call("test", time.monotonic() + seconds)


def with_store(url: str, use: Callable[[CollectionStore], Awaitable[Any]], *encoders: OnnxEncoder) -> Any:
    """Run `use` with a store whose encoders have caught up."""

    async def run() -> Any:
        store = CollectionStore(url)
        try:
            store.follow(encoders)
            await store.caught_up()
            return await use(store)
        finally:
            store.close()

    return asyncio.run(run())


async def found(store: CollectionStore, encoder: OnnxEncoder, text: str, kind: str | None = None) -> list[str]:
    (question,) = await store.complete(encoder, [Want(text, kind)], call())
    return [lot.id for lot in question.lots]


def in_another_process(url: str, identity: str, text: str) -> None:
    subprocess.run([sys.executable, "-c", OTHER_PROCESS, url, identity, text], check=True, timeout=120)


def test_records_are_found_whole_and_the_nearest_first(url: str, encoder: OnnxEncoder) -> None:
    async def use(store: CollectionStore) -> None:
        await store.put(app, LOTS, [encoder], call())
        assert await found(store, encoder, "rice") == ["rice", "price", "ice"]
        inline = Want("rice", lots=(LOTS[4],))
        whole = await store.complete(encoder, [inline, Want("zoo")], call())
        assert whole[0] is inline
        assert whole[1].lots[0] == LOTS[3]

    with_store(url, use, encoder)


def test_rules_are_kept_and_null_agrees_with_everything(url: str, encoder: OnnxEncoder) -> None:
    async def use(store: CollectionStore) -> None:
        await store.put(app, LOTS, [encoder], call())
        assert await found(store, encoder, "rice", "grain") == ["rice", "ice", "zoo"]
        assert await found(store, encoder, "rice", "wood") == ["ice"]
        assert await found(store, encoder, "rice", "gra\0in") == ["rice", "ice", "zoo"]

    with_store(url, use, encoder)


def test_a_record_is_replaced_read_and_removed(url: str, encoder: OnnxEncoder) -> None:
    async def use(store: CollectionStore) -> None:
        await store.put(app, LOTS, [encoder], call())
        for _ in range(2):
            await store.put(app, [Lot("zoo", "rice")], [encoder], call())
        assert await store.get(app, "zoo", call()) == Lot("zoo", "rice")
        assert await found(store, encoder, "rice") == ["rice", "zoo", "price"]
        await store.delete(app, "rice", call())
        assert await found(store, encoder, "rice") == ["zoo", "price", "ice"]
        for gone in (store.get(app, "rice", call()), store.delete(app, "rice", call())):
            with pytest.raises(NotFound, match="lotter has no 'rice' among its lots"):
                await gone

    with_store(url, use, encoder)


def test_a_removed_record_is_never_found_while_others_search(url: str, encoder: OnnxEncoder) -> None:
    async def use(store: CollectionStore) -> None:
        for turn in range(30):
            await store.put(app, [Lot("rice", "rice")], [encoder], call())
            searches = [asyncio.ensure_future(found(store, encoder, "rice")) for _ in range(3)]
            await store.delete(app, "rice", call())
            assert await found(store, encoder, "rice") == [], turn
            await asyncio.gather(*searches)

    with_store(url, use, encoder)


def test_pages_go_through_all_records_by_id(url: str, encoder: OnnxEncoder) -> None:
    async def use(store: CollectionStore) -> None:
        empty = await store.page(app, "", 10, call())
        assert (empty.records, empty.count, empty.after) == ([], 0, None)
        await store.put(app, LOTS, [encoder], call())
        seen, after = [], ""
        while after is not None:
            page = await store.page(app, after, 2, call())
            assert page.count == 5
            seen += [lot.id for lot in page.records]
            after = page.after
        assert seen == sorted(lot.id for lot in LOTS)

    with_store(url, use, encoder)


def test_odd_text_comes_back_as_it_was(url: str, encoder: OnnxEncoder) -> None:
    lot = Lot("odd", 'a\0b "\\ \U0001f33e \u2028', "gr\0ain")

    async def use(store: CollectionStore) -> None:
        await store.put(app, [lot], [encoder], call())
        assert await store.get(app, "odd", call()) == lot
        assert await found(store, encoder, "ab", "grain") == ["odd"]

    with_store(url, use, encoder)


def test_records_outlive_the_gateway_and_a_new_version_encodes_them(
    url: str, encoder: OnnxEncoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transactions, "BATCH", 2)

    async def put(store: CollectionStore) -> None:
        await store.put(app, LOTS, [encoder], call())

    async def search(store: CollectionStore) -> list[list[str]]:
        return [await found(store, one, "rice") for one in (encoder, newer)]

    (tmp_path / "new").mkdir()
    # Blind but for the letter z.
    newer = open_encoder(tmp_path / "new", [0.0] * (WIDTH - 1) + [1.0])
    with_store(url, put, encoder)
    first, second = with_store(url, search, encoder, newer)
    assert first == ["rice", "price", "ice"]
    assert len(second) == 3
    assert with_store(url, lambda store: found(store, newer, "z"), newer)[0] == "zoo"


def test_records_that_another_process_put_without_this_version_are_found_at_once(
    url: str, encoder: OnnxEncoder
) -> None:
    async def use(store: CollectionStore) -> None:
        await store.put(app, LOTS, [encoder], call())
        assert await found(store, encoder, "rice") == ["rice", "price", "ice"]
        await asyncio.to_thread(in_another_process, url, "rices", "rice")
        assert (await found(store, encoder, "rice"))[:2] == ["rice", "rices"]
        # Replaced elsewhere: what this encoder made of it before is void.
        await asyncio.to_thread(in_another_process, url, "rices", "zzzzz")
        assert await found(store, encoder, "rice") == ["rice", "price", "ice"]
        assert (await found(store, encoder, "zzz"))[0] == "rices"

    with_store(url, use, encoder)


def test_several_processes_make_the_tables_at_once(url: str, encoder: OnnxEncoder) -> None:
    command = [sys.executable, "-c", OTHER_PROCESS, url]
    running = [subprocess.Popen([*command, f"lot{number}", "rice"]) for number in range(3)]
    assert [process.wait(120) for process in running] == [0, 0, 0]
    assert len(with_store(url, lambda store: found(store, encoder, "rice"), encoder)) == 3


def test_writers_and_searches_side_by_side_lose_nothing(url: str, encoder: OnnxEncoder, tmp_path: Path) -> None:
    """Half of the writers do not know the encoder, so searches encode what they wrote, while it is rewritten."""

    async def use(store: CollectionStore) -> None:
        async def write(turn: int) -> None:
            lots = [Lot(f"lot{turn % 7}-{number}", "ab"[turn % 2] * 3) for number in range(5)]
            await store.put(app, lots, [encoder] if turn % 3 else [], call())
            await found(store, encoder, "a")

        await asyncio.gather(*(write(turn) for turn in range(40)))
        page = await store.page(app, "", 100, call())
        await found(store, encoder, "a")
        with psycopg.connect(url) as connection:
            rows = connection.execute(
                "SELECT r.id, v.embedding::text FROM slipway_records r "
                "LEFT JOIN slipway_vectors v ON v.record = r.number"
            ).fetchall()
        vectors = dict(rows)
        assert len(rows) == page.count == 35
        for lot in page.records:
            numbers = [float(number) for number in vectors[lot.id].strip("[]").split(",")]
            assert (numbers[0] > 0.9) == (lot.text[0] == "a"), lot

    with_store(url, use, encoder)


def test_until_all_is_encoded_short_questions_wait_and_say_so(url: str, encoder: OnnxEncoder) -> None:
    async def use(store: CollectionStore) -> None:
        with pytest.raises(NotReady, match="cannot be searched yet") as waiting:
            await store.complete(encoder, [Want("rice")], call())
        assert waiting.value.retry_after == 2
        assert store.behind(encoder)
        store.follow([encoder])
        with pytest.raises(NotReady, match="they are being encoded"):
            await store.complete(encoder, [Want("rice")], call())
        assert store.behind(encoder)
        await store.caught_up()
        assert not store.behind(encoder)
        assert await found(store, encoder, "rice") == []

    with_store(url, use)


def test_a_version_does_not_wait_for_a_database_that_is_away(unused_port: int, encoder: OnnxEncoder) -> None:
    async def use(store: CollectionStore) -> None:
        store.follow([encoder])
        await store.caught_up()
        assert not store.behind(encoder)

    with_store(f"postgresql://someone@127.0.0.1:{unused_port}/lots", use)


def test_a_database_that_is_emptied_is_filled_again(url: str, encoder: OnnxEncoder) -> None:
    async def use(store: CollectionStore) -> None:
        await store.put(app, LOTS, [encoder], call())
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("DELETE FROM slipway_encoders")
        with pytest.raises(NotReady, match="being encoded again"):
            await store.complete(encoder, [Want("rice")], call())
        store.follow([encoder])
        await store.caught_up()
        assert await found(store, encoder, "rice") == ["rice", "price", "ice"]
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("DROP TABLE slipway_vectors, slipway_encoders, slipway_records")
        with pytest.raises(Unavailable):
            await store.complete(encoder, [Want("rice")], call())
        with pytest.raises(NotReady):
            await store.complete(encoder, [Want("rice")], call())

    with_store(url, use, encoder)


def test_vectors_of_unused_encoders_are_deleted(url: str, encoder: OnnxEncoder, tmp_path: Path) -> None:
    async def put(store: CollectionStore) -> None:
        await store.put(app, LOTS, [encoder], call())

    with_store(url, put, encoder)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("UPDATE slipway_encoders SET seen = now() - interval '8 days'")
    (tmp_path / "new").mkdir()
    newer = open_encoder(tmp_path / "new", [2.0] + [1.0] * (WIDTH - 1))
    with_store(url, lambda store: found(store, newer, "rice"), newer)
    with psycopg.connect(url) as connection:
        digests = connection.execute("SELECT DISTINCT digest FROM slipway_encoders").fetchall()
        (count,) = connection.execute("SELECT count(*) FROM slipway_vectors").fetchone() or (0,)
    assert digests == [(newer.digest,)]
    assert count == len(LOTS)


def test_records_of_another_form_are_named_and_left_out(
    url: str, encoder: OnnxEncoder, caplog: pytest.LogCaptureFixture
) -> None:
    async def put(store: CollectionStore) -> None:
        await store.put(app, LOTS, [encoder], call())

    with_store(url, put)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("UPDATE slipway_records SET body = '{\"id\": \"rice\"}' WHERE id = 'rice'")

    async def search(store: CollectionStore) -> None:
        assert await found(store, encoder, "rice") == ["price", "ice", "fox"]
        with pytest.raises(Exception, match="'rice' of lotter was stored with other fields than it has today"):
            await store.get(app, "rice", call())

    with_store(url, search, encoder)
    assert "'rice' of lotter was stored with other fields than it has today" in caplog.text


def test_a_deadline_ends_a_search_that_waits(url: str, encoder: OnnxEncoder) -> None:
    async def use(store: CollectionStore) -> None:
        await store.put(app, LOTS, [encoder], call())
        with psycopg.connect(url) as connection:
            connection.execute("LOCK TABLE slipway_vectors IN ACCESS EXCLUSIVE MODE")
            with pytest.raises(DeadlineExceeded):
                await store.complete(encoder, [Want("rice")], call(0.3))
            with pytest.raises(DeadlineExceeded):
                await store.put(app, LOTS, [encoder], call(0.3))
        assert await found(store, encoder, "rice") == ["rice", "price", "ice"]

    with_store(url, use, encoder)


def test_a_database_that_is_killed_is_503_until_it_is_back(
    postgres: Postgres, url: str, encoder: OnnxEncoder
) -> None:
    async def use(store: CollectionStore) -> None:
        await store.put(app, LOTS, [encoder], call())
        postgres.stop(signal.SIGKILL)
        try:
            for _ in range(2):
                with pytest.raises(Unavailable) as gone:
                    await store.complete(encoder, [Want("rice")], call())
                assert gone.value.status == 503
            with pytest.raises(Unavailable):
                await store.delete(app, "rice", call())
        finally:
            postgres.start()
        assert await found(store, encoder, "rice") == ["rice", "price", "ice"]

    with_store(url, use, encoder)


@pytest.mark.parametrize("url", ["sqlite://", "no url: s3cret", "nosuch+driver://u:s3cret@host/x"])
def test_a_url_that_cannot_be_used(url: str) -> None:
    with pytest.raises(ValueError, match=r"^SLIPWAY_COLLECTIONS_URL: ") as error:
        CollectionStore(url)
    assert "s3cret" not in str(error.value)


def test_a_server_that_is_not_there_shows_no_password(unused_port: int, caplog: pytest.LogCaptureFixture) -> None:
    async def use(store: CollectionStore) -> str:
        with pytest.raises(Unavailable) as gone:
            await store.put(app, LOTS, [], call())
        return gone.value.message

    message = with_store(f"postgresql://someone:s3cret@127.0.0.1:{unused_port}/lots", use)
    assert "s3cret" not in message + caplog.text
