from __future__ import annotations

from pathlib import Path

import psutil

from training.added.apart.memory import free_memory


def test_the_limit_of_a_container_counts(tmp_path: Path) -> None:
    (tmp_path / "memory.current").write_text("300\n")
    (tmp_path / "memory.max").write_text("1000\n")
    assert free_memory(tmp_path) == 700
    (tmp_path / "memory.max").write_text("200\n")
    assert free_memory(tmp_path) == 0


def test_without_a_limit_it_is_what_the_machine_has(tmp_path: Path) -> None:
    total = psutil.virtual_memory().total
    assert 0 < free_memory(tmp_path) <= total
    (tmp_path / "memory.current").write_text("300\n")
    (tmp_path / "memory.max").write_text("max\n")
    assert 300 < free_memory(tmp_path) <= total
