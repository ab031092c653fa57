from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

from serving.kernel.storage.trusted_keys import TrustedKey, TrustError, public_bytes, read_private, read_trusted
from tests.serving.signing import pair


def test_a_pair(tmp_path: Path) -> None:
    made = pair(tmp_path / "trusted")
    (found,) = read_trusted(tmp_path / "trusted").values()
    key = read_private(made.private(tmp_path / "key.pem"))
    assert found.raw == public_bytes(key) and found.id == made.signer.key_id
    assert (found.name, found.state()) == ("release", "active")


def test_states() -> None:
    key = TrustedKey("a", "", created=1, expires=10, revoked=20)
    assert [key.state(now) for now in (5, 10, 20)] == ["active", "expired", "revoked"]
    assert TrustedKey("a", "").state() == "active"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "release.json: "),
        ("{}", "missing required field `name`"),
        ('{"name": "a", "public_key": "AAAA"}', "public_key: expected 32 bytes in base64, got 3"),
        ('{"name": "a", "public_key": "?"}', "release.json: "),
        ('{"name": "a", "public_key": "AAAA", "admin": true}', "unknown field `admin`"),
        (" " * 70_000, "a regular file of at most 65536 bytes"),
    ],
)
def test_a_trusted_key_that_is_none(tmp_path: Path, content: str, said: str) -> None:
    pair(tmp_path).path.write_text(content)
    with pytest.raises(TrustError, match=said):
        read_trusted(tmp_path)


def test_folders_that_hold_no_keys(tmp_path: Path) -> None:
    with pytest.raises(TrustError, match="No such file"):
        read_trusted(tmp_path / "none")
    with pytest.raises(TrustError, match="has 0 files"):
        read_trusted(tmp_path)
    twice = pair(tmp_path)
    (tmp_path / "second.json").write_text(json.dumps(json.loads(twice.path.read_text()) | {"name": "second"}))
    with pytest.raises(TrustError, match="second.json: is the same key as release"):
        read_trusted(tmp_path)
    os.mkfifo(tmp_path / "pipe.json")
    with pytest.raises(TrustError, match="pipe.json: expected a regular file"):
        read_trusted(tmp_path)


def test_private_keys_that_cannot_be_used(tmp_path: Path) -> None:
    path = pair(tmp_path).private(tmp_path / "key.pem")
    path.chmod(0o644)
    with pytest.raises(TrustError, match="other users can read or write it: chmod 600"):
        read_private(path)
    path.chmod(0o600)
    path.write_text("no key")
    with pytest.raises(TrustError, match="not a private key in PEM"):
        read_private(path)
    rsa = generate_private_key(65537, 1024).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(rsa)
    with pytest.raises(TrustError, match="not an Ed25519 key"):
        read_private(path)
    with pytest.raises(TrustError, match="No such file"):
        read_private(tmp_path / "none.pem")
