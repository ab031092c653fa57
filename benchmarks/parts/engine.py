"""What ONNX Runtime costs in the process, by the ways a gateway may call it: the figures of ADR 11.

Ways of running take turns of half a second, and each is shown as a ratio to ONNX Runtime alone in the same rounds,
so that a machine whose speed drifts slows all alike. `python -m benchmarks.parts.engine MODEL.onnx FOLDER` opens a
model with its cache in FOLDER and prints the milliseconds and megabytes that took, as JSON.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import psutil
import uvloop

from benchmarks.setup import models
from benchmarks.setup.place import ROOT, BenchmarkError, Place
from benchmarks.setup.servers import clean_environment
from control.console import note, print_table
from serving.kernel.app_values import load_values
from serving.kernel.call import Call
from serving.kernel.cpu_quota import cpu_count
from serving.kernel.tensors import Arrays
from serving.models.backends import onnx_local
from serving.models.backends.onnx_local import on_the_loop
from serving.models.backends.onnx_session import Sessions
from serving.models.batching.batch_kinds import TensorBatches
from serving.models.batching.batcher import Batcher

__all__ = ["main"]

LOADS = (("xgb500", 1, 64), ("xgb500", 64, 16), ("minilm", 1, 32))
"""Model, rows of a request, requests at a time."""
ROUNDS, SECONDS = 7, 0.5
CALLS = 2000
Rate = Callable[[], Awaitable[float]]
"""Measures for a while: rows per second."""


def main() -> None:
    """Print the tables. Raises `BenchmarkError` when a model cannot be made."""
    place = Place.default()
    paths = {name: models.make(name, place, note) for name in models.MODELS}
    _one_row(paths["autoencoder"])
    _openings([paths["minilm"], paths["xgb500"]])
    for model, rows, callers in LOADS:
        uvloop.run(_ways(paths[model], model, rows, callers))


def _one_row(path: Path) -> None:
    """`run` beside an IO binding that is kept, in turns."""
    session = Sessions().open(path, 1)
    arrays = models.sample("autoencoder", 1)
    (name,), (made,) = arrays, [output.name for output in session.get_outputs()]
    given, answer = ort.OrtValue.ortvalue_from_numpy(arrays[name]), np.empty((1, 50), np.float32)
    binding = session.io_binding()
    binding.bind_ortvalue_input(name, given)
    binding.bind_output(made, "cpu", 0, np.float32, answer.shape, answer.ctypes.data)

    def bound() -> None:
        given.update_inplace(arrays[name])
        session.run_with_iobinding(binding)
        answer.copy()

    ways = {"run": lambda: session.run([made], arrays), "IO binding, kept": bound}
    found: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(ROUNDS * 3):
        for way, call in ways.items():
            started = time.perf_counter()
            for _ in range(CALLS):
                call()
            found[way].append((time.perf_counter() - started) / CALLS * 1e6)
    table = [(way, f"{statistics.median(times):.1f}", f"{min(times):.1f}") for way, times in found.items()]
    print_table(("way", "median us", "best us"), table, "autoencoder, one row, on one thread")


def _openings(paths: Sequence[Path]) -> None:
    """Opened without a cache, with an empty one, and with what that one then holds."""
    rows = []
    for path in paths:
        with tempfile.TemporaryDirectory(prefix="swb-", dir="/tmp") as scratch:
            for way, folder in (("no cache", ""), ("first time", scratch), ("kept", scratch)):
                every = [_opening(path, folder) for _ in range(1 if way == "first time" else 3)]
                times, sizes = zip(*every, strict=True)
                rows.append((path.stem, way, f"{statistics.median(times):.0f}", f"{statistics.median(sizes):.0f}"))
    print_table(("model", "opened with", "ms", "MB of the process's own"), rows, "opening a model")


def _opening(path: Path, folder: str) -> tuple[float, float]:
    command = [sys.executable, "-m", "benchmarks.parts.engine", str(path), folder]
    done = subprocess.run(command, env=clean_environment(), cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BenchmarkError(f"{path.name} could not be opened:\n{done.stderr[-1000:]}")
    milliseconds, megabytes = json.loads(done.stdout)
    return milliseconds, megabytes


def _open(path: Path, folder: str) -> None:
    process = psutil.Process()
    sessions = Sessions(cache=Path(folder)) if folder else Sessions()
    before, started = process.memory_full_info().uss, time.perf_counter()
    session = sessions.open(path, 1, "benchmark" if folder else "")
    seconds = time.perf_counter() - started
    print(json.dumps((seconds * 1e3, (process.memory_full_info().uss - before) / 2**20)))
    del session


async def _ways(path: Path, model: str, rows: int, callers: int) -> None:
    """One table: each way's rows per second beside ONNX Runtime alone with all cores, batches of 64."""
    sessions = Sessions()
    narrow = onnx_local.runner(sessions.open(path, 1))
    wide = onnx_local.runner(sessions.open(path, sessions.cpus))
    app = models.app_of(model)
    batching = load_values(app.folder).batching
    chosen = onnx_local.open_fused(path, app.inputs, batching, sessions=sessions)
    flights = cpu_count() + 1
    threaded = onnx_local._threaded(wide, narrow, ThreadPoolExecutor(flights))
    batchers = {
        "as Slipway chooses": chosen,
        "on the loop": Batcher(on_the_loop(narrow, lambda rows: 0.0), batching),
        f"{flights} threads": Batcher(threaded, batching, concurrency=flights),
        "1 thread, all cores": Batcher(threaded, batching),
    }
    alone = {
        "ONNX Runtime alone": onnx_local.runner(_session(path, sessions.cpus)),
        "ONNX Runtime alone, 1 core": onnx_local.runner(_session(path, 1)),
    }
    kind, request = TensorBatches(app.inputs, app.outputs), models.sample(model, rows)
    batch = models.sample(model, 64)
    measures: dict[str, Rate] = {way: _alone(run, batch) for way, run in alone.items()}
    measures |= {way: _through(batcher, kind, request, rows, callers) for way, batcher in batchers.items()}
    found: dict[str, list[float]] = {way: [] for way in measures}
    for _ in range(ROUNDS):
        for way, measure in measures.items():
            found[way].append(await measure())
    first = found["ONNX Runtime alone"]
    table = []
    for way, rates in found.items():
        ratio = statistics.median(rate / own for rate, own in zip(rates, first, strict=True))
        table.append((way, f"{statistics.median(rates):,.0f}", f"{ratio:.2f}"))
    title = f"{model}, requests of {rows} row{'s' * (rows > 1)}, {callers} at a time"
    print_table(("way", "rows/s", "of ONNX Runtime alone"), table, title)
    for batcher in batchers.values():
        await batcher.close()


def _session(path: Path, threads: int) -> ort.InferenceSession:
    """With ONNX Runtime's own defaults, as the contest's yardstick."""
    options = ort.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    return ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def _alone(run: onnx_local.Run, batch: Arrays) -> Rate:
    rows = len(next(iter(batch.values())))

    async def measure() -> float:
        done, started = 0, time.perf_counter()
        while (elapsed := time.perf_counter() - started) < SECONDS:
            run(batch, None)
            done += rows
        return done / elapsed

    return measure


def _through(batcher: Batcher, kind: TensorBatches, request: Arrays, rows: int, callers: int) -> Rate:
    async def caller(ends: float) -> int:
        done = 0
        while time.monotonic() < ends:
            await batcher.submit(kind, request, Call("benchmark", time.monotonic() + 60))
            done += rows
        return done

    async def measure() -> float:
        started = time.monotonic()
        done: list[Any] = await asyncio.gather(*(caller(started + SECONDS) for _ in range(callers)))
        return float(sum(done) / (time.monotonic() - started))

    return measure


if __name__ == "__main__":
    _open(Path(sys.argv[1]), sys.argv[2])
