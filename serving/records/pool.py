"""One database, asked in threads of its own: the event loop never waits for it.

SQLAlchemy and the driver are the extra `database`; they are imported when a URL is given, not before.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

from serving.kernel.call import Call
from serving.kernel.errors import DeadlineExceeded, Overloaded, SlipwayError, Unavailable

__all__ = ["Engine", "Session"]

T = TypeVar("T")

THREADS = 8
MOST_WAITING = 256
"""Requests for the database at a time; more are turned away at once."""
CANCELLED = "57014"
"""PostgreSQL's state of a statement that took longer than it may."""

log = logging.getLogger(__name__)


class Session:
    """One transaction. PostgreSQL gives each statement up at the request's deadline."""

    def __init__(self, connection: Any, call: Call) -> None:
        self._connection = connection
        self._call = call
        self._postgres = connection.dialect.name == "postgresql"

    def rows(self, query: str, parameters: dict[str, Any]) -> list[dict[str, Any]]:
        """The rows of a statement with named parameters (`:student`); none for one that gives no rows."""
        from sqlalchemy import text

        left = self._call.deadline - time.monotonic()
        if left <= 0:
            raise _late()
        if self._postgres:
            self._connection.execute(text(f"SET LOCAL statement_timeout = {max(1, int(left * 1000))}"))
        result = self._connection.execute(text(query), parameters)
        return [dict(row) for row in result.mappings()] if result.returns_rows else []


class Engine:
    """A pool of connections. No error, log line or `repr` shows the URL's password."""

    def __init__(self, url: str, setting: str, gone: str) -> None:
        """Connects at first use; `gone` is what callers are told while the database is away.

        Raises `ValueError` naming the `setting` for a URL it cannot use.
        """
        self._engine = _engine(url, setting)
        self._gone = gone
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="database")
        self._waiting = 0
        self._well = True

    @property
    def dialect(self) -> str:
        """SQLAlchemy's name of the kind of database, such as `postgresql`."""
        return str(self._engine.dialect.name)

    async def run(self, job: Callable[[Session], T], call: Call) -> T:
        """What `job` gives, run in a thread and in one transaction, which ends with it.

        Raises what `job` raises, `Unavailable` (the database is gone or its tables are not as expected),
        `Overloaded`, or `DeadlineExceeded`; the transaction is then rolled back, or still runs.
        """
        if self._waiting >= MOST_WAITING:
            raise Overloaded(f"{MOST_WAITING} requests wait for the database; try again")
        self._waiting += 1
        working = asyncio.get_running_loop().run_in_executor(self._threads, partial(self._run, job, call))
        working.add_done_callback(self._left)
        try:
            async with asyncio.timeout(call.remaining()):
                # Shielded: a thread that has begun cannot be stopped, and counts until it ends.
                return await asyncio.shield(working)
        except TimeoutError as cause:
            raise _late() from cause

    def close(self) -> None:
        """Release threads and connections; what runs is not waited for."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._engine.dispose()

    def _left(self, working: asyncio.Future[Any]) -> None:
        self._waiting -= 1
        if not working.cancelled():
            working.exception()  # marks it as seen: its caller may have gone

    def _run(self, job: Callable[[Session], T], call: Call) -> T:
        from sqlalchemy.exc import SQLAlchemyError

        if not call.remaining():
            raise _late()
        try:
            with self._engine.begin() as connection:
                found = job(Session(connection, call))
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
        return Unavailable(self._gone)

    def _safe(self, error: BaseException) -> str:
        text = (str(error).strip().splitlines() or [type(error).__name__])[0]
        password = self._engine.url.password
        return text.replace(str(password), "***") if password else text


def _engine(url: str, setting: str) -> Any:
    try:
        import sqlalchemy
    except ImportError as cause:
        raise ValueError(f"{setting}: needs SQLAlchemy and psycopg: pip install 'slipway[database]'") from cause
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
        raise ValueError(f"{setting}: {kind}") from None


def _late() -> DeadlineExceeded:
    return DeadlineExceeded("the deadline passed while the database was asked")
