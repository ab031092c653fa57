"""What passes between `slipway add` and the process that converts: a job, a report, rows with their answers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np

from serving.kernel.tensors import Arrays

__all__ = [
    "JOB",
    "MODEL",
    "REPORT",
    "ROWS",
    "SAMPLE",
    "CannotConvert",
    "Field",
    "Job",
    "Native",
    "Report",
    "Source",
    "read_native",
    "write_native",
]

JOB, REPORT, SAMPLE, ROWS, MODEL = "job.json", "report.json", "sample.parquet", "native.npz", "converted.onnx"
"""Files in the folder that both processes share."""


class CannotConvert(Exception):
    """The model cannot become ONNX. The message says why, and the nearest way to serve it."""


class Field(msgspec.Struct, frozen=True):
    """A column that an MLflow signature names, with its type there, such as `double`."""

    name: str
    type: str


class Source(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A model as somebody has it."""

    path: str
    kind: str
    """`onnx`, or the converter's name."""
    format: str = ""
    """How the file is written, where a converter reads several formats."""
    executes: bool = False
    """Whether opening the file runs code that is in it."""
    fields: tuple[Field, ...] = ()
    """Columns of the MLflow signature."""
    shape: tuple[int, ...] = ()
    """Shape of the signature's only tensor."""
    example: str = ""
    """File with MLflow's input example, in pandas' orientation `split`; empty: none."""
    code: str = ""
    """Folder with Python code that belongs to the model; empty: none."""
    notes: tuple[str, ...] = ()


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """What to convert."""

    source: Source
    columns: tuple[str, ...] = ()
    """The names of `--columns`."""
    trust: bool = False
    memory: int
    """Bytes that the process may use."""
    seconds: int
    """Processor time that it may use."""


class Report(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of it."""

    refusal: str = ""
    """Why there is no model; empty: there is one."""
    missing: str = ""
    """A Python module that is not installed."""
    isolated: bool = False
    """Whether the process had no network."""
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    """Names of the arrays in the file with rows."""
    columns: tuple[str, ...] = ()
    """Names of the values of the only input, in order."""
    labels: tuple[str, ...] = ()
    """Names of the classes."""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Native:
    """Rows, and what the model itself answers to them. The first axis is that of the rows."""

    inputs: Arrays
    outputs: Arrays


def write_native(folder: Path, native: Native) -> None:
    """Write rows and answers. Names may be anything, so that the file has numbers instead."""
    arrays = {f"in{index}": _plain(array) for index, array in enumerate(native.inputs.values())}
    arrays |= {f"out{index}": _plain(array) for index, array in enumerate(native.outputs.values())}
    np.savez(folder / ROWS, **arrays)


def read_native(folder: Path, report: Report) -> Native:
    """Read rows and answers. Raises `OSError`, `KeyError` or `ValueError` for a damaged file."""
    with np.load(folder / ROWS, allow_pickle=False) as stored:
        inputs = {name: _objects(stored[f"in{index}"]) for index, name in enumerate(report.inputs)}
        outputs = {name: _objects(stored[f"out{index}"]) for index, name in enumerate(report.outputs)}
    return Native(inputs, outputs)


def _plain(array: np.ndarray[tuple[int, ...], np.dtype]) -> np.ndarray[tuple[int, ...], np.dtype]:  # type: ignore[type-arg]
    """Text as fixed-width text: an array of objects would be a pickle."""
    return array.astype(str) if array.dtype == np.object_ else array


def _objects(array: np.ndarray[tuple[int, ...], np.dtype]) -> np.ndarray[tuple[int, ...], np.dtype]:  # type: ignore[type-arg]
    return array.astype(object) if array.dtype.kind == "U" else array
