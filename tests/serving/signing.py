"""Keys and signed versions for tests."""

from __future__ import annotations

import base64
import time
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from serving.kernel.storage.trusted_keys import TrustedKey, public_bytes
from serving.kernel.storage.version_files import encode_aliases
from serving.kernel.storage.version_manifest import Aliases
from training.publish.signer import Signer

__all__ = ["Pair", "pair", "sign_aliases", "sign_version"]


class Pair:
    """A private key, and its public half as a file that can be trusted."""

    def __init__(self, folder: Path, name: str) -> None:
        self._key = Ed25519PrivateKey.generate()
        self.name = name
        self.path = folder / f"{name}.json"
        self.signer = Signer(self._key)

    def trust(self, expires: float = 0.0, revoked: float = 0.0) -> None:
        public = base64.b64encode(public_bytes(self._key)).decode()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        made = TrustedKey(self.name, public, time.time(), expires, revoked)
        self.path.write_bytes(msgspec.json.encode(made))

    def private(self, path: Path) -> Path:
        """Write the private key as a file."""
        none = serialization.NoEncryption()
        pem = self._key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, none)
        path.touch(mode=0o600)
        path.write_bytes(pem)
        return path


def pair(folder: Path, name: str = "release") -> Pair:
    """A pair that is trusted in the folder."""
    made = Pair(folder, name)
    made.trust()
    return made


def sign_version(folder: Path, key: Pair) -> None:
    """Sign a version's folder as it is."""
    (folder / "manifest.sig").write_bytes(key.signer.manifest((folder / "manifest.json").read_bytes()))


def sign_aliases(app: Path, key: Pair, champion: int, number: int = 0) -> bytes:
    """Write the aliases of an app; returns the file's bytes."""
    made = key.signer.aliases(app.name, Aliases(champion), Aliases(number=number))
    content = encode_aliases(made)
    (app / "aliases.json").write_bytes(content)
    return content
