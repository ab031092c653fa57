from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest

from serving.kernel.call import Call
from serving.models.backends.encoder import OnnxEncoder
from serving.records import transactions
from serving.records.pool import Pool, Transaction
from serving.records.transactions import Backfill
from tests.postgres import Postgres
from tests.serving.collected import Lot, app, open_encoder

Run = Callable[[Callable[[Transaction], Any]], Any]
LOTS = [Lot(f"lot{number}", "abc") for number in range(5)]


@pytest.fixture
def url(postgres: Postgres) -> str:
    return postgres.fresh()


@pytest.fixture
def run(url: str) -> Any:
    made = Pool(url, "SLIPWAY_COLLECTIONS_URL", "gone")

    def run(job: Callable[[Transaction], Any]) -> Any:
        return asyncio.run(made.run(job, Call("test", time.monotonic() + 60)))

    run(transactions.prepare)
    yield run
    made.close()


@pytest.fixture
def encoder(tmp_path: Path, run: Run) -> OnnxEncoder:
    made = open_encoder(tmp_path)
    run(partial(transactions.register, made))
    return made


def test_tables_are_made_once(run: Run, url: str) -> None:
    run(transactions.prepare)
    with psycopg.connect(url) as connection:
        rows = connection.execute("SELECT tablename FROM pg_tables WHERE tablename LIKE 'slipway%' ORDER BY 1")
        assert [name for (name,) in rows] == ["slipway_encoders", "slipway_records", "slipway_vectors"]


def test_a_round_continues_where_it_stopped_and_counts_from_its_beginning(
    run: Run, encoder: OnnxEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transactions, "BATCH", 2)
    run(partial(transactions.put, app, LOTS, []))
    first, done = run(partial(transactions.backfill, encoder, Backfill(), once=True))
    assert not done and first.after and not first.since
    # Changed behind the round's back: a record it has passed already.
    run(partial(transactions.put, app, LOTS[:1], []))
    at = first
    while not done:
        at, done = run(partial(transactions.backfill, encoder, at, once=True))
    assert at.since == first.began and not at.after
    assert vectors(run) == 4
    assert run(partial(transactions.backfill, encoder, at))[1]
    assert vectors(run) == 5


def test_a_record_that_was_passed_and_changed_is_made_up_for(run: Run, encoder: OnnxEncoder, url: str) -> None:
    run(partial(transactions.put, app, LOTS, [encoder]))
    progress, done = run(partial(transactions.backfill, encoder, Backfill()))
    assert done and vectors(run) == 5
    run(partial(transactions.put, app, LOTS[:2], []))
    assert vectors(run) == 3
    _, done = run(partial(transactions.backfill, encoder, progress))
    assert done and vectors(run) == 5


def test_a_record_being_changed_is_left_out_and_seen_next_time(run: Run, encoder: OnnxEncoder, url: str) -> None:
    run(partial(transactions.put, app, LOTS, []))
    with psycopg.connect(url) as other:
        other.execute("UPDATE slipway_records SET changed = now() WHERE id = 'lot3'")
        progress, done = run(partial(transactions.backfill, encoder, Backfill()))
        assert not done and vectors(run) == 4
        other.rollback()
    progress, done = run(partial(transactions.backfill, encoder, progress))
    assert done and vectors(run) == 5


def test_an_encoder_that_is_no_longer_registered_is_reported(run: Run, encoder: OnnxEncoder, url: str) -> None:
    progress, _ = run(partial(transactions.backfill, encoder, Backfill()))
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DELETE FROM slipway_encoders")
    assert run(partial(transactions.backfill, encoder, progress)) == (Backfill(), False)
    run(partial(transactions.register, encoder))
    again, _ = run(partial(transactions.backfill, encoder, progress))
    assert again == Backfill()
    again, done = run(partial(transactions.backfill, encoder, Backfill()))
    assert done and again.encoder != progress.encoder


def vectors(run: Run) -> int:
    return int(run(lambda opened: opened.rows("SELECT count(*) AS n FROM slipway_vectors", {}))[0]["n"])
