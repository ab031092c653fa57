"""Signs what is published, with the private key that `SLIPWAY_SIGNING_KEY` names."""

from __future__ import annotations

import base64
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from serving.kernel.settings import Settings, read
from serving.kernel.storage.signatures import Envelope, aliases_payload, manifest_bytes
from serving.kernel.storage.trusted_keys import TrustError, key_id, public_bytes, read_private
from serving.kernel.storage.version_manifest import SIGNATURE_NAME, Aliases, Signature
from training.errors import TrainingError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from training.registry.mlflow_registry import Registry

__all__ = ["Signer", "SigningError", "keep_signature", "kept_signature", "signer"]

TAG = "slipway.signature"
"""Of a version in the registry: its `manifest.sig`, from which the model repository can be rebuilt."""


class SigningError(TrainingError):
    """The key that signs cannot be used."""


class Signer:
    """Signs with one key."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self.key_id = key_id(public_bytes(key))

    def manifest(self, content: bytes, before: bytes | None = None) -> bytes:
        """`manifest.sig` for the bytes of a manifest; signatures of other keys in the one `before` stay."""
        others: tuple[Signature, ...] = ()
        if before is not None:
            others = msgspec.json.decode(before, type=Envelope).signatures
        made = Envelope((*(one for one in others if one.key != self.key_id), self._sign(manifest_bytes(content))))
        return msgspec.json.encode(made) + b"\n"

    def aliases(self, app: str, wanted: Aliases, before: Aliases) -> Aliases:
        """The aliases with a signature and a number above the last one.

        The number is also the time in milliseconds, so that it rises where the last file was lost.
        """
        number = max(before.number + 1, time.time_ns() // 1_000_000)
        numbered = Aliases(wanted.champion, wanted.challenger, number)
        return msgspec.structs.replace(numbered, signatures=(self._sign(aliases_payload(app, numbered)),))

    def why_not(self, app: str, aliases: Aliases) -> str:
        """Why these aliases are not signed with this key; empty if they are."""
        from cryptography.exceptions import InvalidSignature

        for one in aliases.signatures:
            with suppress(InvalidSignature, ValueError):
                if one.key == self.key_id:
                    given = base64.b64decode(one.value, validate=True)
                    self._key.public_key().verify(given, aliases_payload(app, aliases))
                    return ""
        return f"is not signed with the key {self.key_id}"

    def _sign(self, content: bytes) -> Signature:
        return Signature(self.key_id, base64.b64encode(self._key.sign(content)).decode())


def keep_signature(registry: Registry, repository: Path, app: str, version: int) -> None:
    """Store the signature of a published version with it in the registry. Raises `RegistryError`."""
    path = repository / app / str(version) / SIGNATURE_NAME
    if path.exists():
        registry.tag_version(app, version, TAG, path.read_text())


def kept_signature(tags: Mapping[str, str]) -> bytes | None:
    """The signature that a version's tags in the registry have."""
    return tags[TAG].encode() if TAG in tags else None


def signer(path: str | None = None) -> Signer | None:
    """The signer of the key in the file at `path`, by default that of the setting; None: nothing is signed.

    Raises `SigningError` for a key that cannot be used.
    """
    place = read(Settings).signing_key if path is None else path
    if not place:
        return None
    try:
        return Signer(read_private(Path(place)))
    except TrustError as cause:
        raise SigningError(f"SLIPWAY_SIGNING_KEY: {cause}") from cause
