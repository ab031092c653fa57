from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from serving.observe.node import exposition

WORK = """
import os, sys
from serving.observe.metrics import Metrics
metrics = Metrics()
metrics.requests.labels("v1", "/route", "price", "3", "200").inc(int(sys.argv[1]))
version = metrics.version("price", 3)
version.batch(int(sys.argv[1]), 0.001, 1)
version.queued(7)
metrics.flush()
print(os.getpid())
"""


def work(folder: Path, count: int) -> int:
    """A process that counts and ends; gives its pid."""
    environ = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(folder)}
    line = [sys.executable, "-c", WORK, str(count)]
    return int(subprocess.run(line, env=environ, capture_output=True, text=True, check=True).stdout)


def shown(folder: Path) -> tuple[float, float, float]:
    """Requests, batches and rows in batches."""
    text = exposition(folder).decode()
    names = ("slipway_requests_total", "slipway_batch_rows_count", "slipway_batch_rows_sum")
    found = [re.search(rf"^{name}{{[^}}]*}} ([\d.]+)$", text, re.MULTILINE) for name in names]
    requests, batches, rows = (float(match.group(1)) for match in found if match)
    return requests, batches, rows


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name != ".lock")


FOLDED = ["counter_0.db", "histogram_0.db"]


def test_counts_of_ended_processes_are_merged_into_one_file_per_kind(tmp_path: Path) -> None:
    for count, wanted in ((2, (2, 1, 2)), (3, (5, 2, 5)), (4, (9, 3, 9))):
        work(tmp_path, count)
        assert shown(tmp_path) == wanted
        assert files(tmp_path) == FOLDED
    assert shown(tmp_path) == (9, 3, 9)


def test_the_files_of_the_living_stay(tmp_path: Path) -> None:
    pid, mine = work(tmp_path, 2), os.getpid()
    for kind in ("counter", "histogram"):
        (tmp_path / f"{kind}_{pid}.db").rename(tmp_path / f"{kind}_{mine}.db")
    work(tmp_path, 3)
    assert shown(tmp_path) == (5, 2, 5)
    assert files(tmp_path) == sorted([*FOLDED, f"counter_{mine}.db", f"histogram_{mine}.db"])


@pytest.mark.parametrize("deleted", [False, True])
def test_a_scrape_that_was_killed_after_the_sum_is_finished_by_the_next(tmp_path: Path, deleted: bool) -> None:
    pid = work(tmp_path, 2)
    before = {kind: (tmp_path / f"{kind}_{pid}.db").read_bytes() for kind in ("counter", "histogram")}
    assert shown(tmp_path) == (2, 1, 2)
    for kind, content in before.items():
        (tmp_path / f"{kind}_0.db").rename(tmp_path / f".{kind}.of-{pid}")
        if not deleted:
            (tmp_path / f"{kind}_{pid}.db").write_bytes(content)
    assert shown(tmp_path) == (2, 1, 2)
    assert files(tmp_path) == FOLDED


def test_a_scrape_that_was_killed_before_the_sum_has_changed_nothing(tmp_path: Path) -> None:
    pid = work(tmp_path, 2)
    (tmp_path / ".counter.new").write_bytes((tmp_path / f"counter_{pid}.db").read_bytes())
    assert shown(tmp_path) == (2, 1, 2)
    assert files(tmp_path) == FOLDED


def test_a_file_that_its_process_had_no_time_to_fill_is_no_harm(tmp_path: Path) -> None:
    pid = work(tmp_path, 2)
    (tmp_path / f"counter_{pid}.db").rename(tmp_path / f"counter_{os.getpid()}.db")
    (tmp_path / f"counter_{pid}.db").write_bytes(b"")
    assert shown(tmp_path) == (2, 1, 2)
    assert f"counter_{pid}.db" not in files(tmp_path)
