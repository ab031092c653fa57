from __future__ import annotations

import subprocess
import sys

import msgspec
import pytest

from benchmarks.setup.place import ROOT
from benchmarks.setup.servers import clean_environment
from benchmarks.setup.usage import Memory


@pytest.mark.slow
def test_an_idle_replica_is_found_and_measured() -> None:
    command = [sys.executable, "-m", "benchmarks.setup.nothing"]
    done = subprocess.run(command, env=clean_environment(), cwd=ROOT, capture_output=True, text=True, check=True)
    found = msgspec.json.decode(done.stdout.splitlines()[-1], type=Memory)
    assert 20 < found.pss <= found.rss * 1.2
