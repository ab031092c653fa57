from __future__ import annotations

import logging
import stat
import time
from pathlib import Path

import pytest

from serving.edge.identity import last_use
from serving.edge.identity.last_use import LastUse
from serving.kernel.storage import highest
from serving.kernel.storage.highest import read_numbers


def test_gateways_of_a_machine_share_a_file(tmp_path: Path) -> None:
    path = tmp_path / "home" / last_use.FILE
    assert read_numbers(path) == {}
    began = time.time()
    one, other = LastUse(path), LastUse(path)
    one.note("a", time.time())
    other.note("b", time.time())
    for each in (one, other, one):
        each.write()
    found = read_numbers(path)
    assert found.keys() == {"a", "b"} and all(began <= at <= time.time() for at in found.values())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert sorted(each.name for each in path.parent.iterdir()) == ["key-use.json", "key-use.lock"]


def test_a_broken_file_is_replaced_and_the_oldest_are_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / last_use.FILE
    path.write_text('{"a": "soon"}')
    assert read_numbers(path) == {}
    monkeypatch.setattr(highest, "MOST_NAMES", 2)
    path.write_text('{"a": 1.0, "b": 9e12}')
    uses = LastUse(path)
    uses.note("c", time.time())
    uses.write()
    assert set(read_numbers(path)) == {"b", "c"}


def test_a_folder_that_cannot_be_written_stops_nobody(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").touch()
    uses = LastUse(tmp_path / "file" / last_use.FILE)
    uses.note("a", time.time())
    with caplog.at_level(logging.WARNING):
        uses.write()
    assert "the last use of API keys was not written" in caplog.text


def test_an_end_writes_what_was_not_written_yet(tmp_path: Path) -> None:
    uses = LastUse(tmp_path / last_use.FILE)
    uses.close()
    assert not (tmp_path / last_use.FILE).exists()
    uses.note("a", time.time())
    uses.close()
    assert "a" in read_numbers(tmp_path / last_use.FILE)


def test_what_is_noted_is_written_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(last_use, "WRITE_SECONDS", 0.01)
    uses = LastUse(tmp_path / last_use.FILE)
    uses.note("a", time.time())
    deadline = time.monotonic() + 30
    while "a" not in read_numbers(tmp_path / last_use.FILE) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert "a" in read_numbers(tmp_path / last_use.FILE)
