from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from serving.edge.identity.key_file import KEYS, PEPPER, KeyFileError, digest, editing, new_key, read, split


def test_a_key_is_stored_as_its_hash_in_files_of_its_owner(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    with editing(folder) as (pepper, found):
        key, record = new_key(pepper, "shop", ("predict:price",), "acme", 5.0)
        found.keys.append(record)
    parts = split(key)
    assert parts is not None and parts[0] == record.id
    assert read(folder) == (pepper, found)
    assert digest(pepper, parts[1]) == record.hash
    assert all(parts[1].encode() not in path.read_bytes() for path in folder.iterdir())
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (folder, *folder.iterdir())}
    assert modes == {"keys": 0o700, KEYS: 0o600, PEPPER: 0o600, ".lock": 0o600}


def test_no_two_keys_are_alike() -> None:
    made = {new_key(b"p" * 32, "shop", ("predict",))[0] for _ in range(50)}
    assert len(made) == len({split(key) for key in made}) == 50


def test_an_error_within_the_block_changes_nothing(tmp_path: Path) -> None:
    with editing(tmp_path):
        pass
    before = (tmp_path / KEYS).read_bytes()
    with pytest.raises(ValueError, match="no scope 'write'"), editing(tmp_path) as (pepper, found):
        found.keys.append(new_key(pepper, "shop", ("predict",))[1])
        found.keys.append(new_key(pepper, "shop", ("write",))[1])
    assert (tmp_path / KEYS).read_bytes() == before
    assert sorted(os.listdir(tmp_path)) == sorted([KEYS, PEPPER, ".lock"])


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "truncated"),
        ("[]", "array"),
        ('{"keys": [{"id": "a"}]}', "missing required field"),
        ('{"keys": [{"id": "a", "hash": "", "subject": "s", "scopes": ["x"]}]}', "no scope 'x'"),
        ('{"kez": []}', "unknown field"),
    ],
)
def test_a_file_that_is_wrong_is_named(tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / PEPPER).write_text("p" * 32)
    (tmp_path / KEYS).write_text(text)
    with pytest.raises(KeyFileError, match=rf"keys\.json: .*{reason}"):
        read(tmp_path)


def test_what_is_missing_or_too_large_is_named(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError, match="pepper: No such file"):
        read(tmp_path)
    (tmp_path / PEPPER).write_text("short")
    with pytest.raises(KeyFileError, match="pepper: expected at least 32 bytes, got 5"):
        read(tmp_path)
    (tmp_path / PEPPER).write_text("p" * 32)
    with (tmp_path / KEYS).open("wb") as file:
        file.truncate(1 << 30)
    with pytest.raises(KeyFileError, match=r"keys\.json: more than 4194304 bytes"):
        read(tmp_path)
