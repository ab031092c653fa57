from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from serving.observe.metric_files import ReservedDict

PROGRAM = """
import logging, os, sys
from pathlib import Path
logging.basicConfig(stream=sys.stdout)
folder = Path(sys.argv[1])
os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)
(folder / "filler").write_bytes(b"x" * int(sys.argv[2]))
from serving.observe.metrics import Metrics
metrics = Metrics()
for number in range(3000):
    metrics.requests.labels("v1", f"/some/long/route/{number}", "app", "1", "200").inc()
    metrics.requests.labels("v1", "/first", "app", "1", "200").inc()
text = metrics.render()[0].decode()
print("first", [line.rsplit(" ", 1)[1] for line in text.splitlines() if "/first" in line and "_total" in line])
print("alive")
"""


def on_a_small_disk(folder: Path, filler: int) -> str:
    """Run the program on a file system of 256 KiB of which so many bytes are taken; returns what it printed."""
    if shutil.which("unshare") is None:
        pytest.skip("unshare is not installed; Debian's package util-linux has it")
    line = f"mount -t tmpfs -o size=256k none {folder} && exec {sys.executable} -c '{PROGRAM}' {folder} {filler}"
    done = subprocess.run(
        ["unshare", "--map-root-user", "--mount", "sh", "-c", line], capture_output=True, text=True, timeout=120
    )
    if "Operation not permitted" in done.stderr or "mount:" in done.stderr:
        pytest.skip(f"this user may not mount: {done.stderr.strip()[:200]}")
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_on_a_full_disk_a_process_lives_on_and_says_that_series_are_missing(tmp_path: Path) -> None:
    said = on_a_small_disk(tmp_path, 100_000)
    assert "alive" in said and "No space left on device" in said
    assert said.count("not exported until it is restarted") == 1
    assert "first ['3000.0']" in said, "what had its space goes on being counted"


def test_on_a_disk_that_was_full_before_nothing_is_exported_and_the_process_lives(tmp_path: Path) -> None:
    said = on_a_small_disk(tmp_path, 255 * 1024)
    assert "alive" in said and "No space left on device" in said


def test_values_survive_in_the_file(tmp_path: Path) -> None:
    path = str(tmp_path / "counter_1.db")
    held = ReservedDict(path)
    for number in range(2000):
        held.write_value(f"key {number}", number, 0.0)
    assert held.read_value("key 7") == (7.0, 0.0)
    assert (tmp_path / "counter_1.db").stat().st_blocks * 512 >= (tmp_path / "counter_1.db").stat().st_size
    held.close()  # type: ignore[no-untyped-call]
    again = ReservedDict(path)
    assert again.read_value("key 1999") == (1999.0, 0.0)
    again.close()  # type: ignore[no-untyped-call]
