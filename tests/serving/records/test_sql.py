"""Every statement on a real PostgreSQL: what it does, and that it leaves other apps and collections alone."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from serving.kernel.call import Call
from serving.records import sql
from serving.records.pool import Pool
from tests.postgres import Postgres

Execute = Callable[..., list[dict[str, Any]]]
LOTS = {"app": "lotter", "collection": "lots"}
OTHERS = ({"app": "lotter", "collection": "bids"}, {"app": "other", "collection": "lots"})


@pytest.fixture
def bare(postgres: Postgres) -> Iterator[Execute]:
    """Runs a statement with its parameters in a transaction of its own, on an empty database."""
    pool = Pool(postgres.fresh(), "SLIPWAY_COLLECTIONS_URL", "away")

    def execute(statement: str, **parameters: Any) -> list[dict[str, Any]]:
        call = Call("test", time.monotonic() + 60)
        return asyncio.run(pool.run(lambda opened: opened.rows(statement, parameters), call))

    yield execute
    pool.close()


@pytest.fixture
def execute(bare: Execute) -> Execute:
    for statement in sql.SCHEMA:
        bare(statement)
    return bare


def put(execute: Execute, where: dict[str, str], *identities: str, size: int = 1) -> list[dict[str, Any]]:
    bodies = [json.dumps({"id": identity, "size": size, **where}) for identity in identities]
    return execute(sql.UPSERT, **where, ids=list(identities), bodies=bodies)


def encoder(execute: Execute, where: dict[str, str], digest: str = "d1") -> dict[str, Any]:
    execute(sql.UPSERT_ENCODER, **where, digest=digest)
    (found,) = execute(sql.FIND_ENCODER, **where, digest=digest)
    return found


def insert(execute: Execute, number: int, rows: list[dict[str, Any]], *vectors: tuple[list[Any], str]) -> int:
    """`vectors` are keys and embedding of each row; returns how many were stored."""
    return len(
        execute(
            sql.INSERT_VECTORS,
            encoder=number,
            numbers=[row["number"] for row in rows],
            written=[row["written"] for row in rows],
            keys=[json.dumps(keys) for keys, _ in vectors],
            embeddings=[embedding for _, embedding in vectors],
        )
    )


def missing(execute: Execute, where: dict[str, str], number: int, **bounds: int) -> list[str]:
    parameters = {"since": 0, "after": 0, "most": 100, **bounds}
    return [row["id"] for row in execute(sql.MISSING_VECTORS, **where, encoder=number, **parameters)]


def test_the_tables_are_made_once_and_may_be_made_again(bare: Execute) -> None:
    assert bare(sql.TABLES_EXIST) == [{"there": False}]
    for statement in (sql.LOCK, *sql.SCHEMA, *sql.SCHEMA):
        bare(statement)
    assert bare(sql.TABLES_EXIST) == [{"there": True}]


def test_records_of_other_apps_and_collections_are_separate(execute: Execute) -> None:
    for size, where in enumerate((LOTS, *OTHERS)):
        put(execute, where, "a", "b", size=size)
    (found,) = execute(sql.GET, **LOTS, id="a")
    assert json.loads(found["body"]) == {"id": "a", "size": 0, **LOTS}
    assert execute(sql.DELETE, **LOTS, id="a") == [{"id": "a"}]
    assert execute(sql.DELETE, **LOTS, id="a") == []
    assert execute(sql.GET, **LOTS, id="a") == []
    for size, where in enumerate((LOTS, *OTHERS)):
        assert execute(sql.COUNT, **where) == [{"count": 2 if size else 1}]
        page = execute(sql.PAGE, **where, after="", most=10)
        assert [row["id"] for row in page] == (["a", "b"] if size else ["b"])
        assert all(json.loads(row["body"])["size"] == size for row in page)


def test_a_record_that_is_put_again_keeps_its_number_and_counts_as_written_later(execute: Execute) -> None:
    (first,) = put(execute, LOTS, "a")
    (second,) = put(execute, LOTS, "a", size=2)
    assert second["number"] == first["number"] and second["written"] > first["written"]
    assert json.loads(execute(sql.GET, **LOTS, id="a")[0]["body"])["size"] == 2
    assert execute(sql.COUNT, **LOTS) == [{"count": 1}]


def test_pages_are_sorted_by_bytes_and_bounded(execute: Execute) -> None:
    put(execute, LOTS, "b", "B", "a", "_")
    assert [row["id"] for row in execute(sql.PAGE, **LOTS, after="", most=10)] == ["B", "_", "a", "b"]
    assert [row["id"] for row in execute(sql.PAGE, **LOTS, after="B", most=2)] == ["_", "a"]


def test_an_encoder_is_one_per_app_collection_and_digest(execute: Execute) -> None:
    numbers = [encoder(execute, where)["number"] for where in (LOTS, *OTHERS)]
    numbers.append(encoder(execute, LOTS, "d2")["number"])
    assert len(set(numbers)) == 4
    assert encoder(execute, LOTS)["number"] == numbers[0]
    assert execute(sql.FIND_ENCODER, **LOTS, digest="d3") == []


def test_encoders_that_are_not_used_are_deleted_with_their_vectors(execute: Execute) -> None:
    old, new = encoder(execute, LOTS, "old")["number"], encoder(execute, LOTS, "new")["number"]
    rows = put(execute, LOTS, "a")
    for number in (old, new):
        assert insert(execute, number, rows, ([], "[1,0]")) == 1
    execute("UPDATE slipway_encoders SET seen = now() - interval '2 hours' WHERE digest = 'old'")
    execute(sql.DELETE_OLD_ENCODERS, age="1 hour")
    assert execute(sql.FIND_ENCODER, **LOTS, digest="old") == []
    assert execute("SELECT encoder FROM slipway_vectors") == [{"encoder": new}]


def test_only_records_without_a_vector_of_the_encoder_are_missing(execute: Execute) -> None:
    number, other = encoder(execute, LOTS)["number"], encoder(execute, LOTS, "other")["number"]
    rows = put(execute, LOTS, "a", "b", "c")
    put(execute, OTHERS[0], "x")
    put(execute, OTHERS[1], "y")
    insert(execute, number, rows[1:2], ([], "[1,0]"))
    assert missing(execute, LOTS, number) == ["a", "c"]
    assert missing(execute, LOTS, other) == ["a", "b", "c"]
    assert missing(execute, LOTS, number, after=rows[0]["number"]) == ["c"]
    assert missing(execute, LOTS, number, most=1) == ["a"]
    assert missing(execute, LOTS, number, since=rows[0]["written"] + 1) == []


def test_a_later_look_misses_no_record_that_was_being_written(execute: Execute) -> None:
    put(execute, LOTS, "a")
    ended = encoder(execute, LOTS)["ended"]
    put(execute, LOTS, "b")
    number = encoder(execute, LOTS)["number"]
    assert missing(execute, LOTS, number, since=ended) == ["b"]


def test_vectors_of_records_that_were_changed_meanwhile_are_not_stored(execute: Execute) -> None:
    number = encoder(execute, LOTS)["number"]
    rows = put(execute, LOTS, "a", "b")
    put(execute, LOTS, "a", size=2)
    assert insert(execute, number, rows, ([], "[1,0]"), ([], "[0,1]")) == 1
    assert missing(execute, LOTS, number) == ["a"]
    assert insert(execute, number, rows[1:], ([], "[1,0]")) == 0


def test_vectors_go_with_their_records(execute: Execute) -> None:
    number = encoder(execute, LOTS)["number"]
    rows = put(execute, LOTS, "a", "b")
    insert(execute, number, rows, ([], "[1,0]"), ([], "[0,1]"))
    execute(sql.DELETE_VECTORS, numbers=[rows[0]["number"]])
    assert missing(execute, LOTS, number) == ["a"]
    execute(sql.DELETE, **LOTS, id="b")
    assert execute("SELECT count(*) AS count FROM slipway_vectors") == [{"count": 0}]


def test_a_search_finds_the_nearest_of_one_encoder_whose_keys_match(execute: Execute) -> None:
    number, other = encoder(execute, LOTS)["number"], encoder(execute, OTHERS[1])["number"]
    vectors = {"far": (None, "[0,1]"), "grain": ("grain", "[0.9,0.1]"), "near": (None, "[1,0]")}
    vectors["paper"] = ("paper", "[0.8,0.2]")
    rows = put(execute, LOTS, *vectors)
    ordered = [vectors[row["id"]] for row in rows]
    insert(execute, number, rows, *(([kind, None], embedding) for kind, embedding in ordered))
    insert(execute, other, put(execute, OTHERS[1], "theirs"), ([None, None], "[1,0]"))

    def found(most: int, **keys: str) -> list[str]:
        positions = [int(name.removeprefix("key")) for name in keys]
        return [
            row["id"] for row in execute(sql.search(positions), encoder=number, vector="[1,0]", most=most, **keys)
        ]

    assert found(10, key0="grain") == ["near", "grain", "far"]
    assert found(10, key0="grain", key1="any") == ["near", "grain", "far"]
    assert found(10) == ["near", "grain", "paper", "far"]
    assert found(2) == ["near", "grain"]
