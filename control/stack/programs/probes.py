"""Quick looks at parts of the stack: whether they are ready, and what they say of themselves."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Collection, Iterable, Mapping
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

from control.own_key import headers
from control.stack.programs.ray_hook import ADDRESS_FILE
from training.fit.ray_session import listens

__all__ = ["answers", "database", "denied", "http", "index", "ray", "reasons", "refused", "serves"]

SECONDS = 2.0
DENIALS = (401, 403, 429)
NOTHING: Mapping[str, str] = {}


def http(url: str, shown: Mapping[str, str] = NOTHING) -> bool:
    """Whether a GET with the headers `shown` answers 200."""
    request = urllib.request.Request(url, headers=dict(shown))  # noqa: S310 - loopback
    try:
        with urllib.request.urlopen(request, timeout=SECONDS) as answer:  # noqa: S310 - loopback
            return bool(answer.status == 200)
    except (OSError, HTTPException):
        return False


def index(url: str) -> list[dict[str, Any]] | None:
    """The rows of a data plane's model repository: name, version, state, reason; None where it does not answer."""
    request = urllib.request.Request(f"{url}/v2/repository/index", b"{}", headers())  # noqa: S310 - loopback
    try:
        with urllib.request.urlopen(request, timeout=SECONDS) as answer:  # noqa: S310 - loopback
            rows: list[dict[str, Any]] = json.load(answer)
            return rows
    except (OSError, HTTPException, ValueError):
        return None


def denied(url: str) -> str:
    """Why a data plane does not tell this command how its apps are; empty: it does, or does not answer."""
    request = urllib.request.Request(f"{url}/v2/repository/index", b"{}", headers())  # noqa: S310 - loopback
    try:
        urllib.request.urlopen(request, timeout=SECONDS).close()  # noqa: S310 - loopback
    except HTTPError as refusal:
        with refusal:
            return str(json.load(refusal).get("error", "")) if refusal.code in DENIALS else ""
    except (OSError, HTTPException, ValueError):
        return ""
    return ""


def reasons(rows: Iterable[Mapping[str, Any]]) -> str:
    """What such rows say of versions that do not answer: `app version: reason; ...`."""
    return "; ".join(f"{row['name']} {row['version']}: {row['reason']}" for row in rows if row.get("reason"))


def refused(url: str) -> dict[str, str]:
    """App -> why it cannot answer, for each app of which a data plane refuses every version."""
    rows = index(url) or []
    found = {}
    for name in dict.fromkeys(row["name"] for row in rows):
        own = [row for row in rows if row["name"] == name]
        if all(row["state"] == "UNAVAILABLE" for row in own):
            found[name] = reasons(own)
    return found


def answers(url: str, app: str) -> bool:
    """Whether a data plane answers for this app."""
    return http(f"{url}/v2/models/{app}/ready", headers())


def serves(url: str, apps: Collection[str]) -> bool:
    """Whether a data plane answers, and has judged the versions of these apps: each app answers or is refused."""
    if not http(f"{url}/v2/health/live"):
        return False
    silent = [app for app in apps if not answers(url, app)]
    return not silent or all(app in refused(url) for app in silent)


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
