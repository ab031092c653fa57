"""Runs a graph in this process: as its file has it, and as the gateway will."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import onnxruntime as ort

from serving.kernel.tensors import Arrays
from serving.models.backends.onnx_local import runner
from serving.models.backends.onnx_session import ENGINE_ERRORS
from training.added.errors import AddError

__all__ = ["open_run", "seconds_of"]

REPEATS, PATIENCE = 20, 1.0
"""Most runs that are timed, and the seconds after which no other begins."""


def open_run(path: Path, optimised: bool = True) -> Callable[[Arrays], Arrays]:
    """A function that runs the graph on one core. Raises `AddError` if it cannot be opened.

    The function raises `RuntimeError`. Without `optimised`, the graph runs node by node as the file has it.
    """
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    if not optimised:
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    try:
        run = runner(ort.InferenceSession(path, options, providers=["CPUExecutionProvider"]))
    except ENGINE_ERRORS as cause:
        raise AddError(f"ONNX Runtime {ort.__version__} cannot open the model: {_short(cause)}") from cause

    def guarded(inputs: Arrays) -> Arrays:
        try:
            return run(inputs, None)
        except ENGINE_ERRORS as cause:
            raise RuntimeError(_short(cause)) from cause

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
    """The engine's message without its source lines."""
    text = " ".join(str(cause).split())
    return text.rpartition("] : ")[2][:400] if "] : " in text else text[:400]
