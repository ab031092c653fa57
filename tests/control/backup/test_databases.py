from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from control.backup.databases import dump, empty, load
from control.errors import StackError
from tests.postgres import Postgres


def test_a_database_comes_back_with_its_vectors(postgres: Postgres, tmp_path: Path) -> None:
    first, second = postgres.fresh(), postgres.fresh()
    assert empty(first)
    with psycopg.connect(first) as connection:
        connection.execute("CREATE EXTENSION vector")
        connection.execute("CREATE TABLE t (number bigint GENERATED ALWAYS AS IDENTITY, v vector(2))")
        connection.execute("INSERT INTO t (v) VALUES ('[1,2]'), ('[3,4]')")
    dump(first, tmp_path / "t.dump")
    load(second, tmp_path / "t.dump")
    with psycopg.connect(second) as connection:
        connection.execute("INSERT INTO t (v) VALUES ('[5,6]')")
        rows = connection.execute("SELECT number, v::text FROM t ORDER BY number").fetchall()
    assert rows == [(1, "[1,2]"), (2, "[3,4]"), (3, "[5,6]")]
    assert not empty(second)


def test_what_is_no_dump_changes_nothing(postgres: Postgres, tmp_path: Path) -> None:
    url = postgres.fresh()
    (tmp_path / "broken").write_bytes(b"PGDMP and no more")
    with pytest.raises(StackError, match="pg_restore: error: .*; nothing was changed"):
        load(url, tmp_path / "broken")
    assert empty(url)
    with pytest.raises(StackError, match="pg_dump: error: "):
        dump(url.replace("test", "no_such_"), tmp_path / "none")
