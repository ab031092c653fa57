"""The public keys whose signatures count, and the private key that signs: Ed25519.

A trusted key is a JSON file in a folder of its own, such as a mounted ConfigMap; whoever can write there decides
what is served. A private key is a PEM file that others cannot read; its group may, as in a Secret that a
pod mounts. `slipway signing` makes both.
"""

from __future__ import annotations

import base64
import hashlib
import os
import stat
import time
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

__all__ = ["TrustError", "TrustedKey", "key_id", "public_bytes", "read_private", "read_trusted"]

SUFFIX = ".json"
LARGEST = 64 * 1024
MOST_KEYS = 1000
INSTALL = "signatures need cryptography: pip install 'slipway[auth]'"


class TrustError(ValueError):
    """A key cannot be used. The message names the file."""


class TrustedKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A public key. Times are Unix seconds; 0: never."""

    name: str
    public_key: str
    """The 32 bytes of the key in base64."""
    created: float = 0.0
    expires: float = 0.0
    revoked: float = 0.0

    @property
    def id(self) -> str:
        """What a signature calls the key."""
        return key_id(self.raw)

    @property
    def raw(self) -> bytes:
        """The 32 bytes. Raises `ValueError` for others."""
        found = base64.b64decode(self.public_key, validate=True)
        if len(found) != 32:
            raise ValueError(f"public_key: expected 32 bytes in base64, got {len(found)}")
        return found

    def state(self, now: float | None = None) -> str:
        """`active`, `expired` or `revoked`."""
        now = time.time() if now is None else now
        if self.revoked and self.revoked <= now:
            return "revoked"
        return "expired" if self.expires and self.expires <= now else "active"


def key_id(public: bytes) -> str:
    """Sixteen hexadecimal digits that name a public key."""
    return hashlib.sha256(public).hexdigest()[:16]


def read_trusted(folder: Path) -> dict[str, TrustedKey]:
    """Key id -> key, of every `*.json` in the folder. Raises `TrustError`, also for an empty folder."""
    found: dict[str, TrustedKey] = {}
    try:
        paths = sorted(
            path for path in folder.iterdir() if path.suffix == SUFFIX and not path.name.startswith(".")
        )
    except OSError as cause:
        raise TrustError(f"{folder}: {cause.strerror or cause}") from cause
    if not 0 < len(paths) <= MOST_KEYS:
        raise TrustError(f"{folder}: has {len(paths)} files *{SUFFIX}; expected 1 to {MOST_KEYS} keys")
    for path in paths:
        key = _trusted(path)
        if key.id in found:
            raise TrustError(f"{path}: is the same key as {found[key.id].name}")
        found[key.id] = key
    return found


def read_private(path: Path) -> Ed25519PrivateKey:
    """The private key in a PEM file. Raises `TrustError` for another key, and for a file that others can read."""
    try:
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
        from cryptography.hazmat.primitives.serialization import load_pem_private_key
    except ImportError as cause:
        raise TrustError(INSTALL) from cause
    content, mode = _read(path)
    if mode & (stat.S_IROTH | stat.S_IWOTH):
        raise TrustError(f"{path}: other users can read or write it: chmod 600 {path}")
    try:
        key = load_pem_private_key(content, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as cause:
        raise TrustError(f"{path}: not a private key in PEM without a password") from cause
    if not isinstance(key, Ed25519PrivateKey):
        raise TrustError(f"{path}: not an Ed25519 key; make one with: slipway signing create NAME")
    return key


def public_bytes(key: Ed25519PrivateKey) -> bytes:
    """The 32 bytes of its public key."""
    found: bytes = key.public_key().public_bytes_raw()
    return found


def _trusted(path: Path) -> TrustedKey:
    content, _ = _read(path)
    try:
        key = msgspec.json.decode(content, type=TrustedKey)
        key.id  # noqa: B018 - raises for a key that is none
    except (msgspec.MsgspecError, ValueError) as cause:
        raise TrustError(f"{path}: {cause}") from cause
    return key


def _read(path: Path) -> tuple[bytes, int]:
    """Content and mode of a regular file."""
    try:
        with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as file:
            mode = os.fstat(file.fileno()).st_mode
            content = file.read(LARGEST + 1) if stat.S_ISREG(mode) else b""
    except OSError as cause:
        raise TrustError(f"{path}: {cause.strerror or cause}") from cause
    if not stat.S_ISREG(mode) or len(content) > LARGEST:
        raise TrustError(f"{path}: expected a regular file of at most {LARGEST} bytes")
    return content, mode
