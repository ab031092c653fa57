from __future__ import annotations

import asyncio
import threading
import time
from pathlib import Path

import pytest

from serving.kernel.call import Call
from serving.kernel.errors import Overloaded
from serving.records import pool
from serving.records.pool import Pool, Transaction


def call() -> Call:
    return Call("test", time.monotonic() + 30)


def test_a_job_is_one_transaction(tmp_path: Path) -> None:
    made = Pool(f"sqlite:///{tmp_path}/things.db", "SLIPWAY_THINGS_URL", "gone")

    def fails(transaction: Transaction) -> None:
        transaction.rows("INSERT INTO things VALUES (1)", {})
        raise KeyError("after it was written")

    async def use() -> list[dict[str, int]]:
        assert await made.run(lambda opened: opened.rows("CREATE TABLE things (size INTEGER)", {}), call()) == []
        with pytest.raises(KeyError):
            await made.run(fails, call())
        await made.run(lambda opened: opened.rows("INSERT INTO things VALUES (:size)", {"size": 2}), call())
        return await made.run(lambda opened: opened.rows("SELECT size FROM things", {}), call())

    try:
        assert made.dialect == "sqlite"
        assert asyncio.run(use()) == [{"size": 2}]
    finally:
        made.close()


def test_more_than_may_wait_are_turned_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "MOST_WAITING", 1)
    made, over = Pool("sqlite://", "SLIPWAY_THINGS_URL", "gone"), threading.Event()

    async def use() -> None:
        waiting = asyncio.ensure_future(made.run(lambda opened: over.wait(30), call()))
        await asyncio.sleep(0)
        with pytest.raises(Overloaded):
            await made.run(lambda opened: None, call())
        over.set()
        assert await waiting

    try:
        asyncio.run(use())
    finally:
        made.close()


def test_a_transaction_that_outlasts_the_pool_releases_its_connection(tmp_path: Path) -> None:
    made = Pool(f"sqlite:///{tmp_path}/things.db", "SLIPWAY_THINGS_URL", "gone")
    begun, over = threading.Event(), threading.Event()
    # The pool of the engine, which an engine that is disposed of replaces.
    connections = made._engine.pool

    def job(opened: Transaction) -> None:
        opened.rows("SELECT 1", {})
        begun.set()
        over.wait(60)

    async def main() -> None:
        running = asyncio.ensure_future(made.run(job, Call("test", time.monotonic() + 60)))
        await asyncio.to_thread(begun.wait, 60)
        assert connections.checkedout() == 1
        made.close()
        over.set()
        await running

    asyncio.run(main())
    assert connections.checkedin() == 0
