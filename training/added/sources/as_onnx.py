"""Any model that can become ONNX, as an ONNX file for as long as a block lasts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pandas as pd

from training.added.graphs.read import read_graph
from training.added.sources.converters.rows import example_rows
from training.added.sources.exchange import Source
from training.added.sources.find import find_source
from training.added.sources.process import WARNING, Conversion, convert_apart, refuse_code
from training.fit.scratch import scratch
from training.progress import Progress

__all__ = ["as_onnx"]


@contextmanager
def as_onnx(
    path: Path,
    sample: pd.DataFrame | None,
    columns: tuple[str, ...],
    trust: bool,
    progress: Progress,
) -> Iterator[Conversion]:
    """The file itself if it is ONNX, or what it is converted to in a process of its own.

    `columns` are the names of `--columns`. Raises `AddError`, and `ModuleNotFoundError` for an extra.
    """
    source = find_source(path)
    refuse_code(source, path.name, trust)
    if source.kind == "onnx":
        yield Conversion(Path(source.path), columns=_signature_columns(source), notes=source.notes)
        return
    if source.executes or (trust and source.format == "skops"):
        progress.log(WARNING.format(name=path.name))
    with scratch("slipway-convert-") as folder:
        with progress.step("convert"):
            made = convert_apart(source, folder, sample, columns, trust)
        yield made if sample is not None else replace(made, gaps=_gaps(source))


def _gaps(source: Source) -> tuple[str, ...]:
    """Columns of numbers that have empty cells in MLflow's input example, which the conversion has read before."""
    rows = example_rows(source) if source.example else None
    if rows is None:
        return ()
    numbers = rows.select_dtypes("number")
    return tuple(str(name) for name in numbers if numbers[name].isna().any())


def _signature_columns(source: Source) -> tuple[str, ...]:
    """Names from an MLflow signature for the values of the only input."""
    if not source.fields or len(read_graph(Path(source.path)).inputs) != 1:
        return ()
    return tuple(field.name for field in source.fields)
