from __future__ import annotations

from pathlib import Path

import pytest

from serving.kernel.storage import highest
from serving.kernel.storage.highest import raise_numbers, read_numbers


def test_numbers_only_rise(tmp_path: Path) -> None:
    path = tmp_path / "home" / "numbers.json"
    assert read_numbers(path) == {}
    raise_numbers(path, {"a": 2, "b": 5})
    raise_numbers(path, {"a": 3, "b": 4})
    assert read_numbers(path) == {"a": 3, "b": 5}


def test_the_lowest_are_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(highest, "MOST_NAMES", 2)
    raise_numbers(tmp_path / "n.json", {"a": 1, "b": 3, "c": 2})
    assert read_numbers(tmp_path / "n.json") == {"b": 3, "c": 2}


@pytest.mark.parametrize("content", [b"", b"{", b'{"a": "x"}', b"\xff"])
def test_what_cannot_be_read_counts_as_nothing(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "n.json").write_bytes(content)
    assert read_numbers(tmp_path / "n.json") == {}
    raise_numbers(tmp_path / "n.json", {"a": 1})
    assert read_numbers(tmp_path / "n.json") == {"a": 1}
