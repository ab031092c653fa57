from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from serving.models.backends.graph_cache import GraphCache


def writes(text: bytes, calls: list[Path] | None = None) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        if calls is not None:
            calls.append(folder)
        (folder / "graph").write_bytes(text)
        (folder / "weights").write_bytes(bytes(range(256)) * 4 + b"rest")

    return make


def fails(folder: Path) -> None:
    (folder / "graph").write_bytes(b"half of")
    raise OSError("No space left on device")


def test_an_entry_is_found_again_whole(tmp_path: Path) -> None:
    cache = GraphCache(tmp_path / "new" / "cache")
    assert cache.find("k") is None
    entry = cache.write("k", writes(b"graph"))
    assert entry is not None
    assert GraphCache(tmp_path / "new" / "cache").find("k") == entry
    assert (entry / "graph").read_bytes() == b"graph"


@pytest.mark.parametrize("name", ["graph", "weights", "entry.json"])
@pytest.mark.parametrize("damage", ["cut", "changed", "removed"])
def test_a_broken_entry_is_thrown_away(
    tmp_path: Path, name: str, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    cache = GraphCache(tmp_path)
    path = (cache.write("k", writes(b"0123456789abcdef")) or tmp_path) / name
    whole = path.read_bytes()
    if damage == "removed":
        path.unlink()
    else:
        path.write_bytes(whole[:-1] if damage == "cut" else whole[:3] + b"#" + whole[4:])
    assert cache.find("k") is None
    assert "is deleted" in caplog.text
    assert list(tmp_path.iterdir()) == []
    assert cache.write("k", writes(b"new")) is not None
    assert cache.find("k") is not None


def test_a_cache_that_came_with_a_read_only_image_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = GraphCache(tmp_path).write("k", writes(b"graph"))

    def read_only(path: Path) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(os, "utime", read_only)
    assert GraphCache(tmp_path).find("k") == entry


def test_an_entry_that_cannot_be_written_leaves_nothing_behind(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert GraphCache(tmp_path).write("k", fails) is None
    assert list(tmp_path.iterdir()) == []
    assert "No space left" in caplog.text
    (tmp_path / "file").write_bytes(b"")
    assert GraphCache(tmp_path / "file").write("k", writes(b"")) is None
    assert [record.levelno for record in caplog.records] == [logging.WARNING] * 2


def test_the_first_of_two_writers_wins(tmp_path: Path) -> None:
    cache = GraphCache(tmp_path)

    def slowly(folder: Path) -> None:
        cache.write("k", writes(b"first"))
        writes(b"second")(folder)

    entry = cache.write("k", slowly)
    assert entry is not None
    assert (entry / "graph").read_bytes() == b"first"
    assert cache.find("k") == entry


def test_the_least_recently_used_go_first(tmp_path: Path) -> None:
    cache = GraphCache(tmp_path, limit_bytes=3 * 1200)
    for age, key in enumerate(("a", "b", "c")):
        entry = cache.write(key, writes(b""))
        assert entry is not None
        os.utime(entry / "entry.json", (age, age))
    cache.find("a")
    cache.write("d", writes(b""))
    assert [key for key in "abcd" if cache.find(key)] == ["a", "c", "d"]


def test_unfinished_entries_are_deleted_after_a_while(tmp_path: Path) -> None:
    cache = GraphCache(tmp_path)
    for name, age in ((".k.1.old", 7200), (".k.1.new", 60)):
        (tmp_path / name).mkdir()
        os.utime(tmp_path / name, (time.time() - age,) * 2)
    cache.write("k", writes(b""))
    assert sorted(path.name for path in tmp_path.iterdir()) == [".k.1.new", "k"]
