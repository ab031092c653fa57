from __future__ import annotations

import asyncio
import logging
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Annotated

import msgspec
import pytest

from serving.kernel.app import FeatureSource, Rows
from serving.kernel.call import Call
from serving.kernel.errors import DeadlineExceeded, Invalid, NotFound, Unavailable
from serving.records.lookup import RecordLookup


class Asked(msgspec.Struct, frozen=True):
    name: str
    size: Annotated[int, msgspec.Meta(ge=0)] | None = None


def complete(rows: Rows, asked: Asked) -> Asked:
    found = rows("SELECT size FROM things WHERE name = :name", {"name": asked.name})
    if not found:
        raise NotFound(f"there is no {asked.name!r}")
    return Asked(asked.name, found[0]["size"])


SOURCE = FeatureSource(is_short=lambda asked: asked.size is None, complete=complete)


def call(seconds: float = 30.0) -> Call:
    return Call("test", time.monotonic() + seconds)


@pytest.fixture
def url(tmp_path: Path) -> str:
    with sqlite3.connect(tmp_path / "things.db") as connection:
        connection.execute("CREATE TABLE things (name TEXT, size INTEGER)")
        connection.executemany("INSERT INTO things VALUES (?, ?)", [("a", 3), ("b'; DROP TABLE things", 4)])
    connection.close()
    return f"sqlite:///{tmp_path}/things.db"


def ask(
    url: str, questions: list[Asked], source: FeatureSource[Asked] = SOURCE, seconds: float = 30.0
) -> list[Asked]:
    database = RecordLookup(url)
    try:
        return asyncio.run(database.complete(source, questions, call(seconds)))
    finally:
        database.close()


def test_short_questions_are_completed_and_whole_ones_stay(url: str) -> None:
    found = ask(url, [Asked("a"), Asked("z", 9), Asked("b'; DROP TABLE things")])
    assert [one.size for one in found] == [3, 9, 4]


def test_a_missing_record_names_its_question(url: str) -> None:
    with pytest.raises(NotFound, match=r"^\$\.instances\[1\]: there is no 'c'$"):
        ask(url, [Asked("a"), Asked("c")])


@pytest.mark.parametrize(
    ("stored", "text"),
    [
        (-1, r"^\$\.instances\[0\]\.size: as stored in the database: out of range; allowed: .*0"),
        ("wide", r"^\$\.instances\[0\]\.size: as stored in the database: got a string; allowed: a whole number"),
    ],
)
def test_a_stored_value_is_held_to_the_questions_range(url: str, stored: object, text: str) -> None:
    with sqlite3.connect(url.removeprefix("sqlite:///")) as connection:
        connection.execute("UPDATE things SET size = ? WHERE name = 'a'", (stored,))
    connection.close()
    with pytest.raises(Invalid, match=text):
        ask(url, [Asked("a")])


def test_a_record_that_cannot_be_read_names_its_question(url: str, caplog: pytest.LogCaptureFixture) -> None:
    def unreadable(rows: Rows, asked: Asked) -> Asked:
        return Asked(asked.name, int(str(rows("SELECT 'x' AS size", {})[0]["size"])))

    source = FeatureSource(is_short=lambda asked: asked.size is None, complete=unreadable)
    with pytest.raises(
        Invalid, match=r"^\$\.instances\[1\]: as stored in the database: its record cannot be read$"
    ):
        ask(url, [Asked("z", 9), Asked("a")], source)
    assert "cannot be read" in caplog.text


def test_a_slow_database_does_not_hold_the_loop_nor_the_caller(url: str) -> None:
    over = threading.Event()

    def slow(rows: Rows, asked: Asked) -> Asked:
        over.wait(60)
        return asked

    async def both() -> str:
        database = RecordLookup(url)
        waiting = asyncio.ensure_future(
            database.complete(FeatureSource(is_short=lambda _: True, complete=slow), [Asked("a")], call(0.2))
        )
        # The loop turns meanwhile.
        await asyncio.sleep(0)
        assert not waiting.done()
        with pytest.raises(DeadlineExceeded) as late:
            await waiting
        over.set()
        database.close()
        return late.value.message

    assert "database" in asyncio.run(both())


def test_a_deadline_that_has_passed_asks_nothing(url: str) -> None:
    with pytest.raises(DeadlineExceeded):
        ask(url, [Asked("a")], seconds=-1)


def test_a_database_that_is_gone_is_503_and_the_password_is_nowhere(
    unused_port: int, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG), pytest.raises(Unavailable) as gone:
        ask(f"postgresql://someone:s3cret@127.0.0.1:{unused_port}/school", [Asked("a")])
    assert gone.value.status == 503
    assert "s3cret" not in gone.value.message + caplog.text
    assert "does not answer" in caplog.text


def test_missing_tables_are_503_and_the_question_is_not_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG), pytest.raises(Unavailable):
        ask(f"sqlite:///{tmp_path}/empty.db", [Asked("somebody")])
    assert "somebody" not in caplog.text


@pytest.mark.parametrize("url", ["no url: s3cret", "nosuch+driver://u:s3cret@host/x"])
def test_a_url_that_cannot_be_used(url: str) -> None:
    with pytest.raises(ValueError, match=r"^SLIPWAY_DATABASE_URL: ") as error:
        RecordLookup(url)
    assert "s3cret" not in str(error.value)


def test_without_the_library_the_extra_is_named() -> None:
    code = (
        "import sys\nsys.modules['sqlalchemy'] = None\n"
        "from serving.records.lookup import RecordLookup\n"
        "try:\n    RecordLookup('sqlite://')\nexcept ValueError as error:\n    print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert "pip install 'slipway[database]'" in done.stdout, done.stderr
