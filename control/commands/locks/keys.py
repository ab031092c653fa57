"""`slipway keys create`, `list`, `revoke` and `rotate`: the API keys that the gateway accepts."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from control.console import note, print_json, print_table

if TYPE_CHECKING:
    from serving.edge.identity.key_file import KeyRecord

__all__ = [
    "CREATE_EPILOG",
    "LIST_EPILOG",
    "NAME",
    "REVOKE_EPILOG",
    "ROTATE_EPILOG",
    "create",
    "date",
    "list",
    "revoke",
    "rotate",
    "seconds",
]

CREATE_EPILOG = "Examples:  slipway keys create shop --scope predict:price --expires 90d"
LIST_EPILOG = "Examples:  slipway keys list   |   slipway keys list --json"
REVOKE_EPILOG = "Example:  slipway keys revoke 3f9a52c01b7d"
ROTATE_EPILOG = "Example:  slipway keys rotate 3f9a52c01b7d --overlap 7d"
COLUMNS = ("id", "subject", "tenant", "scopes", "limits", "state", "created", "expires", "last use")
SECONDS = {"h": 3600.0, "d": 86400.0}
DURATION = re.compile(r"([1-9][0-9]{0,4})([hd])")
NAME = re.compile(r"[A-Za-z0-9_.@-]{1,100}")

Name = Annotated[str, typer.Argument(help="The key's id, as `slipway keys list` shows it.")]
Folder = Annotated[
    Path | None, typer.Option("--folder", help="Folder with the keys.", show_default="SLIPWAY_KEY_FOLDER")
]


def create(
    subject: Annotated[str, typer.Argument(help="Who will use the key: a name for logs and metrics.")],
    scope: Annotated[
        str, typer.Option("--scope", help="What it allows, comma separated, such as `predict:price,records:read`.")
    ] = "predict",
    tenant: Annotated[str, typer.Option(help="The organization whose data it may see.")] = "",
    expires: Annotated[str, typer.Option(help="How long it is valid: `12h`, `90d`; empty: for ever.")] = "",
    per_minute: Annotated[int, typer.Option(min=0, help="Most requests a minute; 0: no limit.")] = 0,
    per_day: Annotated[int, typer.Option(min=0, help="Most requests a day; 0: no limit.")] = 0,
    folder: Folder = None,
) -> None:
    """Make a key and print it. It is shown once: only a hash of it is stored.

    Scopes: `predict` (any model) or `predict:price` (one), `records:read`, `records:write` or
    `records:write:matching`, `operations` (metrics, statistics, index), `admin` (everything).

    A running gateway accepts the key a second later. Each gateway process counts the requests of a key for itself.
    """
    from serving.edge.identity.key_file import editing, new_key
    from serving.edge.identity.limits import Limits

    if not NAME.fullmatch(subject):
        raise typer.BadParameter("must be 1 to 100 letters, digits, or any of _ . @ -", param_hint="SUBJECT")
    place = _folder(folder)
    until = time.time() + seconds(expires, "--expires") if expires else 0.0
    try:
        with editing(place) as (pepper, found):
            scopes = tuple(word.strip() for word in scope.split(","))
            key, record = new_key(pepper, subject, scopes, tenant, until, Limits(per_minute, per_day))
            found.keys.append(record)
    except ValueError as cause:
        raise typer.BadParameter(str(cause)) from cause
    _show(place, key, record)


def list(  # noqa: A001 - the word of the command
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
    folder: Folder = None,
) -> None:
    """Show every key: its id, who has it, what it allows, its state, and when it was used last.

    Keys themselves are not stored. The last use is that by the gateways with this SLIPWAY_HOME, which write it
    down within seconds.
    """
    from serving.edge.identity.last_use import FILE
    from serving.kernel.settings import Settings, read
    from serving.kernel.storage.highest import read_numbers

    now, used = time.time(), read_numbers(read(Settings).home / FILE)
    rows = [_described(record, now, used.get(record.id, 0.0)) for record in _read(_folder(folder))]
    if as_json:
        print_json(rows)
    else:
        print_table(COLUMNS, [[row[column] for column in COLUMNS] for row in rows])


def revoke(key_id: Name, folder: Folder = None) -> None:
    """Make a key invalid for good. A running gateway refuses it a second later."""
    from msgspec.structs import replace

    from serving.edge.identity.key_file import editing

    with editing(_existing(_folder(folder))) as (_, found):
        at = _find(found.keys, key_id)
        if not found.keys[at].revoked:
            found.keys[at] = replace(found.keys[at], revoked=time.time())
    note(f"key {key_id} is revoked")


def rotate(
    key_id: Name,
    overlap: Annotated[str, typer.Option(help="How long the old key stays valid, such as `1h` or `7d`.")] = "1d",
    folder: Folder = None,
) -> None:
    """Make a new key with the subject, tenant, scopes and limits of an old one, which stays valid for a while."""
    from msgspec.structs import replace

    from serving.edge.identity.key_file import editing, new_key

    left = seconds(overlap, "--overlap")
    place = _existing(_folder(folder))
    with editing(place) as (pepper, found):
        at = _find(found.keys, key_id)
        old, now = found.keys[at], time.time()
        if old.state(now) != "active":
            raise typer.BadParameter(f"key {key_id} is {old.state(now)}; make another with: slipway keys create")
        until = now + (old.expires - old.created) if old.expires else 0.0
        key, record = new_key(pepper, old.subject, old.scopes, old.tenant, until, old.limits)
        ends = now + left if not old.expires else min(now + left, old.expires)
        found.keys[at] = replace(old, expires=ends)
        found.keys.append(record)
    note(f"key {key_id} is valid until {date(ends)}")
    _show(place, key, record)


def _show(folder: Path, key: str, record: KeyRecord) -> None:
    print(key)
    note(f"key {record.id} of {record.subject}: {', '.join(record.scopes)}; it will not be shown again")
    note(f"gateways with SLIPWAY_KEY_FOLDER={folder} accept it; send it as `authorization: Bearer ...`")


def _folder(given: Path | None) -> Path:
    from serving.kernel.settings import Settings, read

    settings = read(Settings)
    return (given or (Path(settings.key_folder) if settings.key_folder else settings.home / "keys")).absolute()


def _existing(folder: Path) -> Path:
    _read(folder)
    return folder


def _read(folder: Path) -> Sequence[KeyRecord]:
    from control.errors import CommandError
    from serving.edge.identity.key_file import KeyFileError, read

    try:
        return read(folder)[1].keys
    except KeyFileError as cause:
        raise CommandError(f"{cause}; the first key is made with: slipway keys create NAME") from cause


def _find(records: Sequence[KeyRecord], key_id: str) -> int:
    for at, record in enumerate(records):
        if record.id == key_id:
            return at
    raise typer.BadParameter(f"no key {key_id[:40]!r}; `slipway keys list` shows those there are")


def seconds(text: str, option: str) -> float:
    """A time such as `90d` in seconds. Raises `typer.BadParameter` naming the option."""
    match = DURATION.fullmatch(text)
    if match is None:
        raise typer.BadParameter(f"must be such as `12h` or `90d`, got {text[:40]!r}", param_hint=option)
    return int(match[1]) * SECONDS[match[2]]


def _described(record: KeyRecord, now: float, used: float) -> dict[str, str]:
    return {
        "id": record.id,
        "subject": record.subject,
        "tenant": record.tenant,
        "scopes": ", ".join(record.scopes),
        "limits": _limits(record),
        "state": record.state(now),
        "created": date(record.created),
        "expires": date(record.expires) if record.expires else "never",
        "last use": date(used) if used else "never",
    }


def _limits(record: KeyRecord) -> str:
    found = ((record.limits.per_minute, "minute"), (record.limits.per_day, "day"))
    return ", ".join(f"{most} a {name}" for most, name in found if most) or "none"


def date(seconds: float) -> str:
    """Unix seconds as people read them."""
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))
