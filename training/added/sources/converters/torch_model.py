"""PyTorch's exported programs (`.pt2`), and the modules that MLflow stores. Opening both runs their code."""

from __future__ import annotations

import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch

from serving.kernel.tensors import Arrays
from training.added.columns import name_columns
from training.added.errors import AddError
from training.added.graphs.read import read_graph
from training.added.plan import Overrides, Rows, rows_of
from training.added.rows import KINDS, made_rows
from training.added.sources.converted import OPSET, Converted
from training.added.sources.converters.rows import example_rows, matrix_of
from training.added.sources.exchange import CannotConvert, Job, Native

__all__ = ["convert", "of_program"]

GRAPH = "torch.onnx"
ROWS, LENGTH = 64, 5
"""Rows that are compared, and the size of free axes of made ones."""


def convert(job: Job, sample: pd.DataFrame | None) -> Converted:
    """Convert the program or module in a file. Raises `CannotConvert`."""
    torch.set_num_threads(1)
    frame = sample if sample is not None else example_rows(job.source)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if job.source.format == "pth":
                program = _exported(
                    torch.load(job.source.path, weights_only=False, map_location="cpu"), job, frame
                )
            else:
                program = _loaded(job.source.path)
    except (CannotConvert, MemoryError, ModuleNotFoundError):
        raise
    except Exception as cause:  # noqa: BLE001 - whatever the code in a file raises
        text = " ".join(str(cause).split())[:300]
        raise CannotConvert(
            f"PyTorch {torch.__version__} cannot open it: {type(cause).__name__}: {text}"
        ) from cause
    names = job.columns or tuple(field.name for field in job.source.fields)
    return of_program(program, frame, names)


def _loaded(path: str) -> torch.export.ExportedProgram:
    """The program without the cache of traced sizes, which fails if the example lay column by column."""
    import torch._dynamo.config

    with torch._dynamo.config.patch(fake_tensor_cache_enabled=False):
        return torch.export.load(path)


def of_program(
    program: torch.export.ExportedProgram, frame: pd.DataFrame | None, columns: tuple[str, ...] = ()
) -> Converted:
    """Convert an exported program. Raises `CannotConvert`."""
    inputs = [str(name) for name in program.graph_signature.user_inputs]
    count = len(program.graph_signature.user_outputs)
    outputs = ["output"] if count == 1 else [f"output_{index}" for index in range(count)]
    model = _graph(program, inputs, outputs)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / GRAPH
        path.write_bytes(model.SerializeToString())
        try:
            layout = rows_of(read_graph(path), Overrides())
            named = name_columns(layout, frame, columns if _width(layout) else ())
        except AddError as cause:
            raise CannotConvert(str(cause)) from cause
    module = program.module()
    given = named.arrays and {name: array[:ROWS] for name, array in named.arrays.items()}
    rows, answers = _answered(module, layout, given, outputs)
    made = tuple(column.name for column in named.columns if column.position >= 0)
    notes = (f"Converted from PyTorch {torch.__version__}.",)
    return Converted(model=model, native=Native(rows, answers), columns=made, notes=notes)


def _graph(program: torch.export.ExportedProgram, inputs: list[str], outputs: list[str]) -> Any:
    import onnxscript  # noqa: F401 - so that it is named if it is missing

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            made = torch.onnx.export(
                program,
                (),
                input_names=inputs,
                output_names=outputs,
                dynamo=True,
                opset_version=OPSET,
                verbose=False,
            )
    except torch.onnx.errors.OnnxExporterError as cause:
        text = " ".join(str(cause).split())[:300]
        raise CannotConvert(
            f"torch.onnx cannot export it: {text}. Nearest: use other operators, or a folder for Triton's backend "
            "for PyTorch"
        ) from cause
    if made is None:
        raise CannotConvert("torch.onnx did not export it")
    return made.model_proto


def _exported(module: Any, job: Job, frame: pd.DataFrame | None) -> torch.export.ExportedProgram:
    """The module as a program, with a free first axis."""
    if not isinstance(module, torch.nn.Module):
        raise CannotConvert(f"it holds a {type(module).__name__}, not a torch.nn.Module")
    shape = [2, *(size if size > 0 else LENGTH for size in job.source.shape[1:])]
    if job.source.shape:
        example = torch.zeros(shape)
    elif frame is not None:
        example = torch.from_numpy(matrix_of(frame, (), frame.shape[1])[:2])  # type: ignore[index]
    else:
        raise CannotConvert("its inputs are not known; log it with a signature, or give some rows with --sample")
    return torch.export.export(module.eval(), (example,), dynamic_shapes=({0: torch.export.Dim.AUTO},))


def _width(layout: Rows) -> bool:
    """Whether a row is one list of values, which have names."""
    sizes = (layout.inputs[0].shape or ())[1:]
    return len(layout.inputs) == 1 and len(sizes) == 1 and isinstance(sizes[0], int)


def _answered(module: Any, layout: Rows, given: Arrays | None, outputs: list[str]) -> tuple[Arrays, Arrays]:
    """Rows and what the module answers to each, run alone; made rows if none are given."""
    failure = ""
    for kind in KINDS:
        rows = given or made_rows(layout.inputs, ROWS, LENGTH, kind)
        try:
            found = _run(module, layout, rows, outputs)
        except (RuntimeError, IndexError, ValueError, TypeError, AssertionError) as cause:
            failure = failure or " ".join(str(cause).split())[:300]
            continue
        return {name: array[: len(found[outputs[0]])] for name, array in rows.items()}, found
    raise CannotConvert(f"the program does not run with these rows: {failure}. Give some with --sample")


def _run(module: Any, layout: Rows, rows: Arrays, outputs: list[str]) -> Arrays:
    answers: list[list[npt.NDArray[Any]]] = []
    for index in range(len(next(iter(rows.values())))):
        arguments = [
            torch.from_numpy(
                np.ascontiguousarray(rows[item.name][index if item.name in layout.single else [index]])
            )
            for item in layout.inputs
        ]
        with torch.no_grad():
            found = torch.utils._pytree.tree_leaves(module(*arguments))
        arrays = [value.detach().cpu().numpy() for value in found]
        whole = [bool(layout.single) or array.shape[:1] != (1,) for array in arrays]
        answers.append([array[None] if lacks else array for array, lacks in zip(arrays, whole, strict=True)])
        if any(one.shape != first.shape for one, first in zip(answers[-1], answers[0], strict=True)):
            answers.pop()  # its size depends on the row: the rows before it are compared
            break
    return {name: np.concatenate(parts) for name, parts in zip(outputs, zip(*answers, strict=True), strict=True)}
