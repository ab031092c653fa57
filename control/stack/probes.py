"""Is it ready? Quick looks that answer yes or no."""

from __future__ import annotations

import urllib.request
from http.client import HTTPException
from pathlib import Path

from control.stack.ray_hook import ADDRESS_FILE
from training.cluster import listens

__all__ = ["database", "http", "ray"]

SECONDS = 2.0


def http(url: str) -> bool:
    """Whether a GET answers 200."""
    try:
        with urllib.request.urlopen(url, timeout=SECONDS) as answer:  # noqa: S310 - loopback
            return bool(answer.status == 200)
    except (OSError, HTTPException):
        return False


def database(dsn: str, name: str) -> bool:
    """Whether PostgreSQL answers; makes the database `name` if it is not there."""
    import psycopg
    from psycopg import sql

    try:
        with psycopg.connect(dsn, autocommit=True, connect_timeout=2) as connection:
            found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone()
            if not found:
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    except psycopg.OperationalError:
        return False
    return True


def ray(folder: Path, port: int) -> bool:
    """Whether Ray's node is up: it writes its address when all its processes are, and answers on its port."""
    return (folder / ADDRESS_FILE).exists() and listens(f"127.0.0.1:{port}")
