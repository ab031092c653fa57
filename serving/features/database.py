"""Completes short questions from a database, in threads of its own: the event loop never waits for it.

SQLAlchemy and the driver are the extra `database`; they are imported when a URL is given, not before.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

import msgspec

from serving.edge.codec.jsontext import translate
from serving.errors import DeadlineExceeded, Invalid, NotFound, Overloaded, SlipwayError, Unavailable
from serving.inference.contract import Call, FeatureSource, Rows

__all__ = ["Database"]

Q = TypeVar("Q", bound=msgspec.Struct)

THREADS = 8
MOST_WAITING = 256
"""Requests for the database at a time; more are turned away at once."""
CANCELLED = "57014"
"""PostgreSQL's state of a statement that took longer than it may."""

log = logging.getLogger(__name__)


class Database:
    """A pool of connections. No error, log line or `repr` shows the URL's password."""

    def __init__(self, url: str) -> None:
        """Connects at first use. Raises `ValueError` naming the setting for a URL it cannot use."""
        self._engine = _engine(url)
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="database")
        self._waiting = 0
        self._well = True

    async def complete(self, source: FeatureSource[Q], questions: Sequence[Q], call: Call) -> list[Q]:
        """The questions, those that are short completed.

        Raises `NotFound` naming the question, `Invalid` naming a field whose stored value is not allowed,
        `Unavailable` (the database is gone or its tables are not as expected), `Overloaded`, or
        `DeadlineExceeded`.
        """
        if self._waiting >= MOST_WAITING:
            raise Overloaded(f"{MOST_WAITING} requests wait for the database; try again")
        self._waiting += 1
        job = asyncio.get_running_loop().run_in_executor(
            self._threads, partial(self._complete, source, questions, call)
        )
        job.add_done_callback(self._left)
        try:
            async with asyncio.timeout(call.remaining()):
                # Shielded: a thread that has begun cannot be stopped, and counts until it ends.
                return await asyncio.shield(job)
        except TimeoutError as cause:
            raise _late() from cause

    def close(self) -> None:
        """Release threads and connections; what runs is not waited for."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._engine.dispose()

    def _left(self, job: asyncio.Future[Any]) -> None:
        self._waiting -= 1
        if not job.cancelled():
            job.exception()  # marks it as seen: its caller may have gone

    def _complete(self, source: FeatureSource[Q], questions: Sequence[Q], call: Call) -> list[Q]:
        """In a thread: one transaction for all questions of a request."""
        from sqlalchemy.exc import SQLAlchemyError

        if not call.remaining():
            raise _late()
        try:
            with self._engine.connect() as connection:
                rows = _reader(connection, call)
                found = [
                    _whole(source, rows, index, question) if source.is_short(question) else question
                    for index, question in enumerate(questions)
                ]
        except SQLAlchemyError as error:
            # Not chained: the error shows the statement's parameters, which are somebody's.
            raise self._told(error) from None
        self._well = True
        return found

    def _told(self, error: Exception) -> SlipwayError:
        cause = getattr(error, "orig", None)
        if getattr(cause, "sqlstate", "") == CANCELLED:
            return _late()
        if self._well:
            # Once per outage; requests without end would say the same.
            log.error("the database does not answer: %s", self._safe(cause or error))
        self._well = False
        return Unavailable("the database with the records cannot be read now; try again, or give them inline")

    def _safe(self, error: BaseException) -> str:
        text = (str(error).strip().splitlines() or [type(error).__name__])[0]
        password = self._engine.url.password
        return text.replace(str(password), "***") if password else text


def _engine(url: str) -> Any:
    try:
        import sqlalchemy
    except ImportError as cause:
        raise ValueError(
            "SLIPWAY_DATABASE_URL: needs SQLAlchemy and psycopg: pip install 'slipway[database]'"
        ) from cause
    try:
        target = sqlalchemy.make_url(url)
        if target.drivername in ("postgres", "postgresql"):
            target = target.set(drivername="postgresql+psycopg")
        options: dict[str, Any] = {}
        if target.get_backend_name() == "postgresql":
            options = {"connect_timeout": 5, "tcp_user_timeout": 10_000}
        return sqlalchemy.create_engine(
            target,
            poolclass=sqlalchemy.QueuePool,
            pool_size=THREADS,
            max_overflow=0,
            pool_pre_ping=True,
            connect_args=options,
            hide_parameters=True,
        )
    except (sqlalchemy.exc.ArgumentError, ImportError) as cause:
        # The URL's own parser may show it: not chained.
        kind = "its driver is not installed: pip install 'slipway[database]'"
        kind = kind if isinstance(cause, ImportError) else "expected for example postgresql://user@host/database"
        raise ValueError(f"SLIPWAY_DATABASE_URL: {kind}") from None


def _reader(connection: Any, call: Call) -> Rows:
    """Runs queries on a connection; PostgreSQL gives each up at the request's deadline."""
    from sqlalchemy import text

    postgres = connection.dialect.name == "postgresql"

    def rows(query: str, parameters: dict[str, Any]) -> list[dict[str, Any]]:
        left = call.deadline - time.monotonic()
        if left <= 0:
            raise _late()
        if postgres:
            connection.execute(text(f"SET LOCAL statement_timeout = {max(1, int(left * 1000))}"))
        return [dict(row) for row in connection.execute(text(query), parameters).mappings()]

    return rows


def _whole(source: FeatureSource[Q], rows: Rows, index: int, question: Q) -> Q:
    """The question completed, and held to the same ranges as one whose values came with the request."""
    place = f"$.instances[{index}]"
    try:
        whole = source.complete(rows, question)
        return msgspec.convert(msgspec.to_builtins(whole), type(question))
    except NotFound as error:
        raise NotFound(f"{place}: {error.message}") from None
    except msgspec.ValidationError as error:
        raise _stored(translate(error, type(question), place)) from error
    except (TypeError, ValueError) as error:
        # Not the error's text, nor chained: it may show the value, which is somebody's.
        log.error("a record of the database cannot be read: %s", type(error).__name__)
        raise _stored(Invalid(place, "its record cannot be read")) from None


def _stored(error: SlipwayError) -> SlipwayError:
    """Says that the value is the database's and not the caller's."""
    if not isinstance(error, Invalid):
        return error
    return Invalid(error.field, f"as stored in the database: {error.reason}")


def _late() -> DeadlineExceeded:
    return DeadlineExceeded("the deadline passed while the records were read from the database")
