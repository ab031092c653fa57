"""Backend `fused`: ONNX Runtime inside the gateway replica, without another process.

A batch costs the model's time, measured when it was opened, and that of the app's own code, measured as it runs.
Where the app's code is what takes long, a thread would not help, because it would hold the interpreter's lock: the
batch then runs on the loop in slices, and everything else gets its turn between two of them.
"""

from __future__ import annotations

import asyncio
import ctypes
import math
import time
from asyncio import Future
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from serving.kernel.app_values import Batching
from serving.kernel.backend import BatchKind
from serving.kernel.errors import DeadlineExceeded, Invalid
from serving.kernel.tensors import Arrays, TensorSpec, as_text, bfloat16_bits, from_bfloat16, zeros
from serving.models.backends.engine_errors import rejection
from serving.models.backends.onnx_session import ENGINE_ERRORS, Sessions
from serving.models.batching.batcher import Batcher, BatchObserver, Execute

__all__ = ["Run", "on_the_loop", "open_fused", "runner"]

INLINE_BUDGET = 2.5e-4
"""The most seconds for which a batch may block the event loop. A thread costs about a tenth of that, more at
concurrency 1; a longer batch would make other requests wait."""
INLINE_SHARE, INLINE_MOST = 2.5e-5, 2e-3
"""Seconds per request of a batch for which it may also block the loop, and the limit for all of them. The loop
spends more on each request anyway, and a thread would compete with it for the interpreter's lock."""
WEIGHT = 0.25
"""Of the newest measurement of the app's own code, beside the ones before."""

MOST_IN_FLIGHT = 8
HUGE = 256 * 2**20
"""The size in bytes from which a model is not opened a second time."""

FATAL = 4
"""ONNX Runtime's highest level of its log."""
BFLOAT16 = 16
"""`onnx.TensorProto.BFLOAT16`."""

Run = Callable[[Arrays, ort.RunOptions | None], Arrays]
"""Runs arrays through a session; the options can stop the run."""
Cost = Callable[[int], float]
"""The number of rows of a batch to the seconds that the model takes on one core."""


def open_fused(
    path: Path,
    inputs: tuple[TensorSpec, ...],
    batching: Batching,
    observer: BatchObserver | None = None,
    *,
    sessions: Sessions | None = None,
    digest: str = "",
    steady: bool = True,
) -> Batcher:
    """Open a model behind a batcher; blocking. Fast batches run on the event loop, others in a thread.

    A model that is not `steady`, whose time depends on more than the number of rows, always runs in a thread.

    With `digest`, the digest of all files of the version, the graph that was optimised at an earlier opening is
    used again. Raises ONNX Runtime's own errors.
    """
    sessions = sessions or Sessions()
    narrow = runner(sessions.open(path, 1, digest))
    cost = _cost(narrow, inputs, batching, own_thread=not sessions.accelerated) if steady else _unknown
    narrow = _rejecting(narrow)
    if cost(batching.max_rows) <= INLINE_BUDGET:
        return Batcher(on_the_loop(narrow, cost), batching, observer)
    # With an accelerator or a single core, a second session would only take memory.
    several = sessions.cpus > 1 and not sessions.accelerated and path.stat().st_size < HUGE
    wide = _rejecting(runner(sessions.open(path, sessions.cpus, digest))) if several else narrow
    # One more than there are cores: while one batch is joined or split, its core can run another.
    in_flight = min(sessions.cpus, MOST_IN_FLIGHT) + 1 if several else 1
    executor = ThreadPoolExecutor(in_flight, thread_name_prefix="onnx")
    execute = on_the_loop(narrow, cost, _threaded(wide, narrow, executor))
    release = partial(executor.shutdown, wait=False)
    return Batcher(execute, batching, observer, concurrency=in_flight, release=release)


def runner(session: ort.InferenceSession) -> Run:
    """A function that runs a session. It raises `Invalid` for BYTES that are not text."""
    silent = _silent()
    names = [output.name for output in session.get_outputs()]
    kinds = {item.name: item.type for item in (*session.get_inputs(), *session.get_outputs())}
    if "tensor(bfloat16)" in kinds.values():
        return _bfloat16_runner(session, names, kinds)
    texts = [item.name for item in session.get_inputs() if item.type == "tensor(string)"]

    def run(inputs: Arrays, options: ort.RunOptions | None = None) -> Arrays:
        if texts:
            inputs = inputs | {name: _text(name, inputs[name]) for name in texts}
        return dict(zip(names, session.run(names, inputs, options or silent), strict=True))

    return run


def _rejecting(run: Run) -> Run:
    """The same; raises `RowsRejected` where the model refuses values and the engine has no fault."""

    def guarded(inputs: Arrays, options: ort.RunOptions | None = None) -> Arrays:
        try:
            return run(inputs, options)
        except ENGINE_ERRORS as error:
            rejected = rejection(str(error))
            if rejected is None:
                raise
            raise rejected from error

    return guarded


def _silent() -> ort.RunOptions:
    """Options without the engine's own log lines, which are not JSON: its errors say the same."""
    options = ort.RunOptions()
    options.log_severity_level = FATAL
    return options


class _OwnTime:
    """Seconds per row that an app's features and decisions take."""

    def __init__(self) -> None:
        self.each = 0.0
        self._warm = False

    def add(self, rows: int, seconds: float) -> None:
        # The first call imports and allocates.
        if self._warm:
            new = seconds / max(1, rows)
            self.each = self.each + WEIGHT * (new - self.each) if self.each else new
        self._warm = True


def on_the_loop(run: Run, cost: Cost, threaded: Execute | None = None) -> Execute:
    """Run batches on the loop where they fit its budget, at once or in slices, and others by `threaded`."""
    own = _OwnTime()

    def whole(kind: BatchKind, payloads: Sequence[Any], rows: int) -> list[Any]:
        if not kind.runs_app_code:
            return kind.split(payloads, run(kind.join(payloads), None))
        began = perf_counter()
        inputs = kind.join(payloads)
        joined = perf_counter()
        outputs = run(inputs, None)
        ran = perf_counter()
        results = kind.split(payloads, outputs)
        own.add(rows, joined - began + perf_counter() - ran)
        return results

    async def sliced(kind: BatchKind, payloads: Sequence[Any], most: int) -> list[Any]:
        results: list[Any] = []
        done = 0
        for batches in _slices(kind, payloads, most):
            parts: list[Any] = []
            for batch in batches:
                rows = sum(map(kind.rows, batch))
                try:
                    parts += whole(kind, batch, rows)
                except Exception as error:  # it gets the index of its row in the whole batch
                    shifted = kind.shifted(error, done)
                    if shifted is error:
                        raise
                    raise shifted from error
                done += rows
                await asyncio.sleep(0)
            results += parts if len(batches) == 1 else [kind.merge(parts)]
        return results

    def execute(kind: BatchKind, payloads: Sequence[Any], deadline: float) -> list[Any] | Awaitable[list[Any]]:
        rows = sum(map(kind.rows, payloads))
        seconds = cost(rows)
        allowed = max(INLINE_BUDGET, min(INLINE_MOST, INLINE_SHARE * len(payloads)))
        mine = own.each * rows if kind.runs_app_code else 0.0
        if threaded is not None and seconds > allowed:
            return threaded(kind, payloads, deadline)
        if seconds + mine <= allowed or rows <= 1:
            return whole(kind, payloads, rows)
        return sliced(kind, payloads, max(1, int(rows * allowed / (seconds + mine))))

    return execute


def _slices(kind: BatchKind, payloads: Sequence[Any], most: int) -> Iterator[list[Sequence[Any]]]:
    """Lists of batches of at most `most` rows: one of several requests, or those that one request is cut into."""
    together: list[Any] = []
    rows = 0
    for payload in payloads:
        size = kind.rows(payload)
        if together and rows + size > most:
            yield [together]
            together, rows = [], 0
        if size > most:
            yield [[part] for part in kind.cut(payload, most)]
        else:
            together, rows = [*together, payload], rows + size
    if together:
        yield [together]


def _threaded(wide: Run, narrow: Run, executor: Executor) -> Execute:
    """Run batches in threads; a batch that nobody waits for any more is stopped at its next operator.

    A batch that runs alone uses every core, for the lowest latency. Batches that run at the same time use one core
    each, for the highest throughput.
    """
    running = 0

    def execute(kind: BatchKind, payloads: Sequence[Any], deadline: float) -> Future[list[Any]]:
        nonlocal running
        options = _silent()
        run = narrow if running else wide
        running += 1
        stopped = False

        def stop() -> None:
            nonlocal stopped
            stopped = options.terminate = True

        def finish(result: Future[list[Any]]) -> None:
            nonlocal running
            running -= 1
            timer.cancel()
            if result.cancelled():
                stop()

        def batch() -> list[Any]:
            try:
                return kind.split(payloads, run(kind.join(payloads), options))
            except ENGINE_ERRORS as error:
                if stopped:
                    raise DeadlineExceeded("the deadline passed while the model ran") from error
                raise

        loop = asyncio.get_running_loop()
        timer = loop.call_later(deadline - time.monotonic(), stop)
        result = loop.run_in_executor(executor, batch)
        result.add_done_callback(finish)
        return result

    return execute


def _cost(run: Run, inputs: tuple[TensorSpec, ...], batching: Batching, own_thread: bool = True) -> Cost:
    """A straight line through the times of one row and of a full batch, both zeros of the longest bucket.

    `own_thread`: the model runs in the thread that calls it, and nowhere else.
    """
    if not batching.length_buckets and any(-1 in spec.shape[1:] for spec in inputs):
        return _unknown  # a request may have any length
    try:
        one, full = (_seconds(run, inputs, batching, rows, own_thread) for rows in (1, batching.max_rows))
    except ENGINE_ERRORS:
        return _unknown  # zeros are not for every model, such as one that divides by them
    each = max(0.0, full - one) / max(1, batching.max_rows - 1)
    return lambda rows: one + each * (rows - 1)


def _unknown(rows: int) -> float:
    """The cost of a batch that may take any time."""
    return math.inf


def _seconds(
    run: Run, inputs: tuple[TensorSpec, ...], batching: Batching, rows: int, own_thread: bool = True
) -> float:
    """The best of three runs; only one run if it far exceeds the budget."""
    length = max(batching.length_buckets, default=1)
    blank = {spec.name: zeros(spec, rows, length) for spec in inputs}
    best = math.inf
    for _ in range(3):
        best = min(best, _time_of(run, blank, own_thread))
        if best > 10 * INLINE_MOST:
            break
    return best


def _time_of(run: Run, blank: Arrays, own_thread: bool) -> float:
    """The seconds of one run, without those in which its thread waited for a core or the interpreter's lock.

    A gateway opens many models side by side; a model must not seem slow because others are being opened.
    """
    started, worked = time.perf_counter(), time.thread_time()
    run(blank, None)
    seconds, worked = time.perf_counter() - started, time.thread_time() - worked
    # Some kernels count a thread's time in ticks of milliseconds, which says nothing about a short run.
    return worked if own_thread and 0 < worked < seconds else seconds


def _text(name: str, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    try:
        return as_text(array)
    except UnicodeDecodeError as cause:
        raise Invalid("$.inputs", f"input {name}: BYTES elements must be UTF-8 text for this model") from cause


def _bfloat16_runner(session: ort.InferenceSession, names: list[str], kinds: dict[str, str]) -> Run:
    """Like `runner`, for bfloat16, which numpy lacks. Slower: every array becomes an `OrtValue`."""

    silent = _silent()

    def wrap(name: str, array: npt.NDArray[Any]) -> ort.OrtValue:
        if kinds[name] == "tensor(bfloat16)":
            return ort.OrtValue.ortvalue_from_numpy_with_onnx_type(bfloat16_bits(array), BFLOAT16)
        return ort.OrtValue.ortvalue_from_numpy(_text(name, array) if kinds[name] == "tensor(string)" else array)

    def unwrap(name: str, value: ort.OrtValue) -> npt.NDArray[Any]:
        if kinds[name] != "tensor(bfloat16)":
            array: npt.NDArray[Any] = value.numpy()
            return array
        raw = ctypes.string_at(value.data_ptr(), value.tensor_size_in_bytes())
        return from_bfloat16(np.frombuffer(raw, np.uint16)).reshape(value.shape())

    def run(inputs: Arrays, options: ort.RunOptions | None = None) -> Arrays:
        values = {name: wrap(name, array) for name, array in inputs.items()}
        outputs = session.run_with_ort_values(names, values, options or silent)
        return {name: unwrap(name, value) for name, value in zip(names, outputs, strict=True)}

    return run
