"""Connections to one database, used in a pool of threads: the event loop never waits for the database.

SQLAlchemy and the driver belong to the extra `database`; they are imported only when a URL is given.
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
from serving.kernel.settings import SettingsError

__all__ = ["Pool", "Transaction"]

T = TypeVar("T")

THREADS = 8
MOST_WAITING = 256
"""The most requests for the database at a time; further ones are refused at once."""
CANCELLED = "57014"
"""PostgreSQL's SQLSTATE of a statement that reached its timeout."""

log = logging.getLogger(__name__)


class Transaction:
    """One transaction. PostgreSQL cancels each statement at the request's deadline."""

    def __init__(self, connection: Any, call: Call) -> None:
        self._connection = connection
        self._call = call
        self._postgres = connection.dialect.name == "postgresql"

    def rows(self, query: str, parameters: dict[str, Any]) -> list[dict[str, Any]]:
        """The rows of a statement with named parameters (`:student`); empty for a statement without a result."""
        from sqlalchemy import text

        left = self._call.deadline - time.monotonic()
        if left <= 0:
            raise _deadline_exceeded()
        if self._postgres:
            self._connection.execute(text(f"SET LOCAL statement_timeout = {max(1, int(left * 1000))}"))
        result = self._connection.execute(text(query), parameters)
        return [dict(row) for row in result.mappings()] if result.returns_rows else []


class Pool:
    """A pool of connections. No error, log line or `repr` shows the URL's password."""

    def __init__(self, url: str, setting: str, unreachable: str) -> None:
        """Connects at first use; `unreachable` is the error message while the database cannot be reached.

        Raises `SettingsError` naming the `setting` for a URL it cannot use.
        """
        self._engine = _create_engine(url, setting)
        self._unreachable = unreachable
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="database")
        self._waiting = 0
        self._reachable = True
        self._closed = False

    @property
    def dialect(self) -> str:
        """SQLAlchemy's name of the kind of database, such as `postgresql`."""
        return str(self._engine.dialect.name)

    async def run(self, job: Callable[[Transaction], T], call: Call) -> T:
        """Run `job` in a thread and in a transaction of its own, and return its result.

        Raises what `job` raises, `Unavailable` (the database cannot be reached or its tables are not as expected),
        `Overloaded`, or `DeadlineExceeded`; the transaction is then rolled back, or still running.
        """
        if self._waiting >= MOST_WAITING:
            raise Overloaded(f"{MOST_WAITING} requests wait for the database; try again")
        self._waiting += 1
        running = asyncio.get_running_loop().run_in_executor(self._threads, partial(self._run, job, call))
        running.add_done_callback(self._count_down)
        try:
            async with asyncio.timeout(call.remaining()):
                # Shielded: a thread that has started cannot be stopped, and counts until it ends.
                return await asyncio.shield(running)
        except TimeoutError as cause:
            raise _deadline_exceeded() from cause

    def close(self) -> None:
        """Release threads and connections without waiting for running transactions, which release their own."""
        self._closed = True
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._engine.pool.dispose()

    def _count_down(self, running: asyncio.Future[Any]) -> None:
        self._waiting -= 1
        if not running.cancelled():
            running.exception()  # marks it as seen: its caller may have gone

    def _run(self, job: Callable[[Transaction], T], call: Call) -> T:
        from sqlalchemy.exc import SQLAlchemyError

        if not call.remaining():
            raise _deadline_exceeded()
        try:
            with self._engine.begin() as connection:
                found = job(Transaction(connection, call))
        except SQLAlchemyError as error:
            # Not chained: the error shows the statement's parameters, which are somebody's.
            raise self._translate(error) from None
        finally:
            if self._closed:
                # Its connection came back after the others were closed.
                self._engine.pool.dispose()
        self._reachable = True
        return found

    def _translate(self, error: Exception) -> SlipwayError:
        cause = getattr(error, "orig", None)
        if getattr(cause, "sqlstate", "") == CANCELLED:
            return _deadline_exceeded()
        if self._reachable:
            # Once per outage, not for every request.
            log.error("the database does not answer: %s", self._safe(cause or error))
        self._reachable = False
        return Unavailable(self._unreachable)

    def _safe(self, error: BaseException) -> str:
        text = (str(error).strip().splitlines() or [type(error).__name__])[0]
        password = self._engine.url.password
        return text.replace(str(password), "***") if password else text


def _create_engine(url: str, setting: str) -> Any:
    try:
        import sqlalchemy
    except ImportError as cause:
        raise SettingsError(f"{setting}: needs SQLAlchemy and psycopg: pip install 'slipway[database]'") from cause
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
        # Not chained: the message of the URL's parser may contain the password.
        kind = "its driver is not installed: pip install 'slipway[database]'"
        kind = kind if isinstance(cause, ImportError) else "expected for example postgresql://user@host/database"
        raise SettingsError(f"{setting}: {kind}") from None


def _deadline_exceeded() -> DeadlineExceeded:
    return DeadlineExceeded("the deadline passed while the database was being queried")
