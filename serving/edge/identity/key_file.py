"""The file with the API keys: what it holds, and how it is read and written.

The folder has two files: `keys.json` with one record for each key, and `pepper`, the secret with which the keys
are hashed. Neither holds a key. A Kubernetes Secret with these two entries can be mounted as the folder.
"""

from __future__ import annotations

import fcntl
import hmac
import os
import re
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from serving.edge.identity.identity import check_scopes
from serving.edge.identity.limits import Limits
from serving.kernel.storage.private_files import opener, private_folder

__all__ = [
    "KEYS",
    "PEPPER",
    "KeyFile",
    "KeyFileError",
    "KeyRecord",
    "digest",
    "editing",
    "new_key",
    "read",
    "split",
]

KEYS, PEPPER = "keys.json", "pepper"
LARGEST = 4 * 2**20
KEY = re.compile(r"slw_([0-9a-f]{12})_([A-Za-z0-9_-]{43})")
"""A prefix that scanners for leaked secrets can look for, the id, and 256 random bits."""


class KeyFileError(ValueError):
    """The folder with the keys cannot be used. The message names the file."""


class KeyRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One key. Times are Unix seconds; 0: never."""

    id: str
    hash: str
    subject: str
    scopes: tuple[str, ...]
    tenant: str = ""
    created: float = 0.0
    expires: float = 0.0
    revoked: float = 0.0
    limits: Limits = Limits()

    def __post_init__(self) -> None:
        check_scopes(self.scopes)

    def state(self, now: float) -> str:
        """`active`, `expired` or `revoked`."""
        if self.revoked and self.revoked <= now:
            return "revoked"
        return "expired" if self.expires and self.expires <= now else "active"


class KeyFile(msgspec.Struct, forbid_unknown_fields=True):
    """`keys.json`."""

    keys: list[KeyRecord] = []


def split(key: str) -> tuple[str, str] | None:
    """The id and the secret of a key; None: it has not the form of one."""
    match = KEY.fullmatch(key)
    return (match[1], match[2]) if match else None


def digest(pepper: bytes, secret: str) -> str:
    """What is stored of a secret."""
    return hmac.digest(pepper, secret.encode(), "sha256").hex()


def new_key(
    pepper: bytes,
    subject: str,
    scopes: tuple[str, ...],
    tenant: str = "",
    expires: float = 0.0,
    limits: Limits = Limits(),  # noqa: B008 - frozen
) -> tuple[str, KeyRecord]:
    """A new key, which is shown once, and its record. Raises `ValueError` for a scope that does not exist."""
    name, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
    made = digest(pepper, secret)
    record = KeyRecord(name, made, subject, scopes, tenant, time.time(), expires, limits=limits)
    return f"slw_{name}_{secret}", record


def read(folder: Path) -> tuple[bytes, KeyFile]:
    """The pepper and the records. Raises `KeyFileError`."""
    pepper = _bytes(folder / PEPPER).strip()
    if len(pepper) < 32:
        raise KeyFileError(f"{folder / PEPPER}: expected at least 32 bytes, got {len(pepper)}")
    try:
        found = msgspec.json.decode(_bytes(folder / KEYS), type=KeyFile)
    except (msgspec.DecodeError, msgspec.ValidationError, ValueError) as cause:
        raise KeyFileError(f"{folder / KEYS}: {cause}") from cause
    if len({record.id for record in found.keys}) != len(found.keys):
        raise KeyFileError(f"{folder / KEYS}: two keys have the same id")
    return pepper, found


@contextmanager
def editing(folder: Path) -> Iterator[tuple[bytes, KeyFile]]:
    """Change the records within the block; they are written when it ends, if it raises nothing.

    One block at a time; readers see the file before or after. The folder and its files are made where they are
    missing, for their owner alone. Raises `KeyFileError` and `OSError`.
    """
    private_folder(folder)
    with open(folder / ".lock", "a", opener=opener) as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / PEPPER).exists():
            _write(folder / PEPPER, secrets.token_hex(32).encode())
        if not (folder / KEYS).exists():
            _write(folder / KEYS, msgspec.json.encode(KeyFile()))
        pepper, found = read(folder)
        yield pepper, found
        _write(folder / KEYS, msgspec.json.format(msgspec.json.encode(found), indent=2))


def _bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
    except OSError as cause:
        raise KeyFileError(f"{path}: {cause.strerror or cause}") from cause
    if len(data) > LARGEST:
        raise KeyFileError(f"{path}: more than {LARGEST} bytes")
    return data


def _write(path: Path, data: bytes) -> None:
    new = path.with_name(f".{path.name}.{os.getpid()}")
    with open(new, "wb", opener=opener) as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
