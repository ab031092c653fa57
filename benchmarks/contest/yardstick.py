"""ONNX Runtime alone in a process: rows per second that no server of the model can exceed.

`python -m benchmarks.contest.yardstick MODEL.onnx --threads N --seconds S` prints one line of JSON: batch to rows
per second.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import onnxruntime

from benchmarks.setup.models import sample
from benchmarks.setup.place import ROOT, BenchmarkError
from benchmarks.setup.servers import clean_environment

__all__ = ["BATCHES", "main", "measure"]

BATCHES = (1, 16, 64)


def measure(model: Path, threads: int, seconds: float) -> dict[int, float]:
    """Batch -> rows per second, in a process of its own. Raises `BenchmarkError`."""
    command = [sys.executable, "-m", "benchmarks.contest.yardstick", str(model)]
    command += ["--threads", str(threads), "--seconds", str(seconds)]
    done = subprocess.run(
        command, env=clean_environment(), cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    if done.returncode:
        raise BenchmarkError(f"ONNX Runtime alone failed:\n{done.stderr[-1000:]}")
    return {int(batch): rows for batch, rows in json.loads(done.stdout).items()}


def main(words: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.contest.yardstick")
    parser.add_argument("model", type=Path, help="a file named after its app")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=1.0, help="for each batch")
    given = parser.parse_args(words)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = given.threads
    options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(given.model, options, providers=["CPUExecutionProvider"])
    found = {}
    for batch in BATCHES:
        arrays = sample(given.model.stem, batch)
        session.run(None, arrays)
        runs, started = 0, time.perf_counter()
        while (elapsed := time.perf_counter() - started) < given.seconds or not runs:
            session.run(None, arrays)
            runs += 1
        found[batch] = runs * batch / elapsed
    print(json.dumps(found))


if __name__ == "__main__":
    main()
