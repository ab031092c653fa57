"""A private Triton that serves a folder's models, and a function that runs rows through it."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import numpy.typing as npt
from tritonclient.grpc import service_pb2 as pb
from tritonclient.grpc import service_pb2_grpc

from serving.kernel.errors import BackendFailed
from serving.kernel.tensors import Arrays, from_wire, to_wire
from training.added.errors import AddError
from training.added.folders.config import CONFIG, ENSEMBLE, ONNX
from training.added.folders.read import PYTHON, TritonFolder
from training.added.folders.write import Placed
from training.added.graphs.read import Tensor
from training.added.plan import Run
from training.onnx import triton

__all__ = ["check_backends", "ran", "reason_of", "row_axes", "served"]

HERE = (ENSEMBLE, ONNX, PYTHON)
"""Backends of the wheel; `training.onnx.triton` has more on them."""
SECONDS = 60.0
MOST_BYTES = 256 * 2**20
FAILURE = re.compile(
    r"(?:failed to load|Poll failed for model directory) '(?P<model>[^']+)'(?: version \d+)?: "
    r"(?P<why>.*?)(?:\\n|$)",
    re.MULTILINE,
)
MOST_REASON = 600


def check_backends(folder: TritonFolder) -> None:
    """Raise `AddError` if there is no Triton here, or none that can run the folder."""
    named = folder.model.name
    if not triton.available():
        raise AddError(
            f"{named} needs Triton's backend {folder.model.backend!r}, and Triton is not installed here, so its "
            "answers cannot be recorded: pip install 'slipway[train]'"
        )
    for model in folder.models:
        if model.backend not in HERE:
            raise AddError(
                f"{model.name} needs Triton's backend {model.backend!r}; the Triton of the Python package has "
                f"{', '.join(HERE)}, so its answers cannot be proved here. Export the model to ONNX, or run it "
                "from a model.py of the Python backend"
            )


@contextmanager
def served(models: Mapping[str, Placed]) -> Iterator[str]:
    """Serve models by name; yields host:port of a private Triton. Raises `AddError`."""
    with tempfile.TemporaryDirectory(prefix="slipway-folder-") as scratch, ExitStack() as stack:
        for name, (config, number, files) in models.items():
            home = Path(scratch) / name
            home.mkdir()
            (home / CONFIG).write_bytes(config)
            (home / str(number)).symlink_to(files.absolute(), target_is_directory=True)
        try:
            url = stack.enter_context(triton.running(Path(scratch)))
        except triton.TritonError as cause:
            raise AddError(f"Triton does not load the folder: {reason_of(str(cause))}") from cause
        yield url


@contextmanager
def ran(url: str, model: str, inputs: Sequence[Tensor], outputs: Sequence[Tensor], most: int) -> Iterator[Run]:
    """A function that runs rows, at most `most` in a request; 0: the tensors have no row axis.

    It raises `RuntimeError` for what Triton refuses, and `AddError` for an answer that the configuration does not
    allow: Triton does not check what Python code gives.
    """
    options = {"grpc.max_receive_message_length": MOST_BYTES, "grpc.max_send_message_length": MOST_BYTES}
    with grpc.insecure_channel(url, options=list(options.items())) as channel:
        stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)

        def ask(rows: Arrays) -> Arrays:
            request = pb.ModelInferRequest(model_name=model)
            for item in inputs:
                request.inputs.add(name=item.name, datatype=item.datatype, shape=rows[item.name].shape)
                request.raw_input_contents.append(bytes(to_wire(item.datatype, rows[item.name])))
            for item in outputs:
                request.outputs.add(name=item.name)
            found = _answer(stub, request)
            _check_answer(found, outputs, len(next(iter(rows.values()))) if most else 0)
            return {name: array for name, (_, array) in found.items()}

        def run(rows: Arrays) -> Arrays:
            count = len(next(iter(rows.values()))) if most else 0
            if count <= most:
                return ask(rows)
            parts = [
                ask({name: array[start : start + most] for name, array in rows.items()})
                for start in range(0, count, most)
            ]
            try:
                return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
            except ValueError as cause:
                raise RuntimeError(f"batches have answers of different shapes: {cause}") from cause

        yield run


def row_axes(run: Run) -> Run:
    """The same function for tensors with a row axis of size 1."""

    def one(rows: Arrays) -> Arrays:
        found = run({name: np.asarray(array[0]) for name, array in rows.items()})
        return {name: array[None] for name, array in found.items()}

    return one


def _answer(
    stub: service_pb2_grpc.GRPCInferenceServiceStub, request: pb.ModelInferRequest
) -> dict[str, tuple[str, npt.NDArray[Any]]]:
    """The datatype and the values of each output."""
    try:
        reply = stub.ModelInfer(request, timeout=SECONDS)
    except grpc.RpcError as cause:
        raise RuntimeError(" ".join(str(cause.details()).split())[:400]) from cause
    try:
        return {
            output.name: (output.datatype, from_wire(output.datatype, output.shape, raw))
            for output, raw in zip(reply.outputs, reply.raw_output_contents, strict=True)
        }
    except (BackendFailed, UnicodeDecodeError, ValueError) as cause:
        raise RuntimeError(f"the answer cannot be read: {cause}") from cause


def _check_answer(found: Mapping[str, tuple[str, npt.NDArray[Any]]], outputs: Sequence[Tensor], rows: int) -> None:
    for item in outputs:
        if item.name not in found:
            raise AddError(f"{CONFIG} names the output {item.name!r}, and the model's answer does not have it")
        datatype, array = found[item.name]
        if datatype != item.datatype:
            raise AddError(f"the output {item.name!r} is {datatype}; {CONFIG} says {item.datatype}")
        wanted = [rows, *(item.shape or ())[1:]] if rows else list(item.shape or ())
        fits = len(wanted) == array.ndim and all(
            isinstance(size, str) or size == there for size, there in zip(wanted, array.shape, strict=True)
        )
        if not fits:
            shown = [-1 if isinstance(size, str) else size for size in wanted]
            asked = f" for {rows} rows" if rows else ""
            raise AddError(
                f"the output {item.name!r} has the shape {list(array.shape)}{asked}; {CONFIG} says {shown}"
            )


def reason_of(log: str) -> str:
    """Why Triton gave up, from its log: the first failure of each model."""
    found: dict[str, str] = {}
    for match in FAILURE.finditer(log):
        found.setdefault(match["model"], match["why"].strip(' "'))
    return "; ".join(f"{name}: {why}" for name, why in found.items())[:MOST_REASON] or log[-MOST_REASON:]
