"""Runs a graph in this process: as its file has it, and as the gateway will."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path

import onnxruntime as ort

from serving.kernel.tensors import Arrays
from serving.models.backends.engine_errors import report_of
from serving.models.backends.onnx_local import runner
from serving.models.backends.onnx_session import ENGINE_ERRORS
from training.added.errors import AddError

__all__ = ["EngineFailed", "open_run", "seconds_of"]

REPEATS, PATIENCE = 20, 1.0
"""Most runs that are timed, and the seconds after which no other begins."""
FAILURES: tuple[type[Exception], ...] = (UnicodeDecodeError, *ENGINE_ERRORS)
"""Those of the engine, and of texts in a damaged file that it gives as they are."""
ADVICE = (
    ("Failed to allocate memory", "the model needs more memory than is free here"),
    ("bad_alloc", "the model needs more memory than is free here"),
    (
        "Could not find an implementation",
        "the engine does not have this operator for these types of tensors; export the model in 32-bit numbers",
    ),
    ("Failed to construct locale", 'install the locale, or set the operator\'s attribute `locale` to "C"'),
    ("not a registered function/op", "export the model with standard operators"),
    ("No Op registered", "export the model with standard operators"),
)
"""Parts of the engine's messages, and what to do."""


class EngineFailed(RuntimeError):
    """The engine could not run a graph with these inputs."""


def open_run(path: Path, optimised: bool = True) -> Callable[[Arrays], Arrays]:
    """A function that runs the graph on one core. Raises `AddError` if it cannot be opened.

    The function raises `EngineFailed`. Without `optimised`, the graph runs node by node as the file has it.
    """
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    if not optimised:
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    try:
        # ONNX Runtime's own fallback only prints to standard output.
        session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"], enable_fallback=0)
        run = runner(session)
    except FAILURES as cause:
        raise AddError(f"ONNX Runtime {ort.__version__} cannot open the model: {_short(cause)}") from cause

    def guarded(inputs: Arrays) -> Arrays:
        try:
            return run(inputs, None)
        except FAILURES as cause:
            raise EngineFailed(_short(cause)) from cause

    return guarded


def seconds_of(run: Callable[[Arrays], Arrays], inputs: Arrays) -> float:
    """The median time of a run in seconds, after a first one that is not counted."""
    run(inputs)
    times: list[float] = []
    began = time.perf_counter()
    while len(times) < REPEATS and (not times or time.perf_counter() - began < PATIENCE):
        start = time.perf_counter()
        run(inputs)
        times.append(time.perf_counter() - start)
    return sorted(times)[len(times) // 2]


def _short(cause: Exception) -> str:
    """The engine's message without its source lines and files, and what to do."""
    text = re.sub(r"Load model from \S+ failed: ?", "", str(cause))
    text = report_of(text).removeprefix("ONNX Runtime reports: ")
    advice = next((f"; {advice}" for part, advice in ADVICE if part in str(cause)), "")
    return f"{text.rstrip('. ')}{advice}"
