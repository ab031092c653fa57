"""Names the fields of a question: from a sample's columns, from given names, or from the model's inputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pandas as pd

from serving.kernel.added.columns import Column
from serving.kernel.tensors import Arrays, numpy_dtype
from training.added.errors import AddError
from training.added.graphs.read import Tensor, is_name
from training.added.plan import Rows

__all__ = ["Named", "name_columns", "with_gaps"]


@dataclass(frozen=True)
class Named:
    """The columns, and the sample as tensors; None without a sample."""

    columns: tuple[Column, ...]
    arrays: Arrays | None
    unused: tuple[str, ...] = ()
    """Columns of the sample that the model does not take."""


def name_columns(
    rows: Rows, frame: pd.DataFrame | None, given: Sequence[str] = (), aside: Sequence[str] = ()
) -> Named:
    """The columns of a model. `frame` is the sample without its label; `given` are the names of `--columns`.

    A model with one input of several numbers takes the sample's columns in their order, without those in `aside`
    unless they are `given`. One with several inputs takes those with their names. Raises `AddError`.
    """
    inputs = rows.inputs
    width = _width(inputs[0]) if len(inputs) == 1 else 0
    if width:
        if frame is not None and not given:
            given = [str(name) for name in frame.columns if name not in aside]
        return _positions(inputs[0], width, frame, given)
    if given:
        raise AddError(
            "--columns needs a model with one input of several values; this one takes its inputs by name"
        )
    return _by_name(inputs, frame)


def with_gaps(named: Named, rows: Rows, gaps: Sequence[str]) -> Named:
    """The columns, of which those in `gaps` may be empty if the model takes them as numbers with NaN."""
    floats = {item.name for item in rows.inputs if numpy_dtype(item.datatype).kind == "f"}
    may = [item.name in gaps and item.tensor in floats for item in named.columns]
    columns = (
        msgspec.structs.replace(item, optional=item.optional or empty)
        for item, empty in zip(named.columns, may, strict=True)
    )
    return replace(named, columns=tuple(columns))


def _width(item: Tensor) -> int:
    """The number of values in a row that is a list of them; 0 for any other row."""
    sizes = (item.shape or ())[1:]
    return sizes[0] if len(sizes) == 1 and isinstance(sizes[0], int) else 0


def _positions(item: Tensor, width: int, frame: pd.DataFrame | None, given: Sequence[str]) -> Named:
    names = list(given) or ([] if frame is None else [str(name) for name in frame.columns])
    if not names:
        # One number is a field of its own; several are a list, whose order the model knows.
        return Named((Column(name=item.name, tensor=item.name),), None)
    if len(set(names)) < len(names):
        raise AddError(f"two columns have the name {max(names, key=names.count)!r}; give each another")
    if not all(name.strip() for name in names):
        raise AddError("a column has no name; name the columns in the model's order with --columns a,b,c")
    for name in names:
        if not is_name(name):
            raise AddError(
                f"the column {name[:60]!r} has a quotation mark, a backslash or a character that cannot be "
                "printed; rename it in the sample, or name the columns in the model's order with --columns"
            )
    if len(names) != width:
        raise AddError(
            f"the input {item.name!r} takes {width} values; there are {len(names)} columns: {_listed(names)}. "
            "Choose them in the model's order with --columns"
        )
    if frame is None:
        columns = [Column(name=name, tensor=item.name, position=at) for at, name in enumerate(names)]
        return Named(tuple(columns), None)
    missing = [name for name in names if name not in frame.columns]
    if missing:
        raise AddError(
            f"--columns: the sample has no column {missing[0]!r}; it has {_listed(map(str, frame.columns))}"
        )
    cells = {name: _values(item, name, frame[name]) for name in names}
    columns = [
        Column(name=name, tensor=item.name, position=at, optional=_has_gaps(item, frame[name]))
        for at, name in enumerate(names)
    ]
    unused = tuple(str(name) for name in frame.columns if name not in names)
    return Named(tuple(columns), {item.name: np.stack([cells[name] for name in names], axis=1)}, unused)


def _by_name(inputs: Sequence[Tensor], frame: pd.DataFrame | None) -> Named:
    if frame is None:
        return Named(tuple(Column(name=item.name, tensor=item.name) for item in inputs), None)
    missing = [item.name for item in inputs if item.name not in frame.columns]
    if missing:
        raise AddError(
            f"the sample lacks the columns {_listed(missing)}; it has {_listed(map(str, frame.columns))}"
        )
    columns, arrays = [], {}
    for item in inputs:
        cells = frame[item.name]
        columns.append(Column(name=item.name, tensor=item.name, optional=_has_gaps(item, cells)))
        arrays[item.name] = _whole(item, cells)
    names = {item.name for item in inputs}
    return Named(tuple(columns), arrays, tuple(str(name) for name in frame.columns if name not in names))


def _whole(item: Tensor, cells: pd.Series[Any]) -> npt.NDArray[Any]:
    """The rows of one input: a value of each cell, or a list in each."""
    sizes = (item.shape or ())[1:]
    if all(size == 1 for size in sizes) and len(sizes) <= 1:
        return _values(item, item.name, cells).reshape(len(cells), *sizes)
    try:
        made = np.array([np.asarray(cell).tolist() for cell in cells], numpy_dtype(item.datatype))
    except (TypeError, ValueError) as cause:
        raise AddError(
            f"the sample's column {item.name!r} must have a list of {item.datatype} in each row, all of one length"
        ) from cause
    wanted = [size if isinstance(size, int) else "any" for size in sizes]
    fits = made.ndim == len(sizes) + 1 and all(
        size in ("any", found) for size, found in zip(wanted, made.shape[1:], strict=True)
    )
    if not fits:
        raise AddError(
            f"the sample's column {item.name!r} has lists of shape {made.shape[1:]}; the model takes {wanted}"
        )
    return made


def _values(item: Tensor, name: str, cells: pd.Series[Any]) -> npt.NDArray[Any]:
    dtype = numpy_dtype(item.datatype)
    if dtype == np.object_:
        return cells.fillna("").astype(str).to_numpy(object)
    numbers = pd.to_numeric(cells, errors="coerce")
    wrong = cells.notna() & numbers.isna()
    if wrong.any():
        raise AddError(
            f"the sample's column {name!r} has {cells[wrong].iloc[0]!r}; the model takes {item.datatype}"
        )
    if dtype.kind != "f" and numbers.isna().any():
        raise AddError(
            f"the sample's column {name!r} has empty cells; the model takes {item.datatype}, which has none"
        )
    with np.errstate(over="ignore", invalid="ignore"):
        made: npt.NDArray[Any] = numbers.to_numpy().astype(dtype)
    lost = np.isinf(made) if dtype.kind == "f" else made != numbers.to_numpy()
    if lost.any():
        what = f"is not finite as {item.datatype}" if dtype.kind == "f" else f"{item.datatype} cannot hold"
        raise AddError(
            f"the sample's column {name!r} has {cells[lost].iloc[0]}, which {what}; correct it or drop the row"
        )
    return made


def _has_gaps(item: Tensor, cells: pd.Series[Any]) -> bool:
    return numpy_dtype(item.datatype).kind == "f" and bool(cells.isna().any())


def _listed(names: Any) -> str:
    every = list(names)
    return ", ".join(every[:12]) + (f" and {len(every) - 12} more" if len(every) > 12 else "")
