"""The rows that a caller gives, and the answers in the same form: an object, a list, an array or a DataFrame."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import is_dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from slipway_client.errors import BadAnswer, Invalid
from slipway_client.types import Answers

__all__ = ["Rows", "column", "rows_of", "single_or_all"]


class Rows(Protocol):
    """Rows of one form."""

    @property
    def count(self) -> int:
        """How many there are."""

    def part(self, start: int, stop: int) -> list[Any]:
        """Those from `start` to before `stop`, as JSON can express them."""

    def shaped(self, answers: Answers[Any]) -> Any:
        """The answers in the form of the rows."""


def rows_of(given: Any) -> Rows:
    """The rows in whatever form they are. Raises `Invalid` saying what is allowed."""
    made = _rows(given)
    if made.count == 0:
        raise Invalid("`rows` must hold at least 1 row", field="rows")
    return made


def _rows(given: Any) -> Rows:
    for package, rows in (("pandas", _Pandas), ("polars", _Polars)):
        # Who passes a frame has imported its package.
        library = sys.modules.get(package)
        if library is not None and isinstance(given, library.DataFrame):
            return rows(given)
    if isinstance(given, np.ndarray):
        return _Array(given)
    if isinstance(given, Mapping) or (is_dataclass(given) and not isinstance(given, type)):
        return _One(given)
    if isinstance(given, Sequence) and not isinstance(given, str | bytes | bytearray):
        return _Listed(given)
    raise Invalid(
        "`rows` must be a dict, a list of dicts or lists, a NumPy array or a DataFrame of pandas or polars, "
        f"got {type(given).__name__}",
        field="rows",
    )


class _One:
    count = 1

    def __init__(self, row: Any) -> None:
        self._row = row

    def part(self, start: int, stop: int) -> list[Any]:
        return [_plain_row(self._row)]

    def shaped(self, answers: Answers[Any]) -> Any:
        return answers[0]


class _Listed:
    def __init__(self, rows: Sequence[Any]) -> None:
        self._rows = rows
        self.count = len(rows)

    def part(self, start: int, stop: int) -> list[Any]:
        return [_plain_row(row) for row in self._rows[start:stop]]

    def shaped(self, answers: Answers[Any]) -> Any:
        return answers


class _Array:
    """An array that does not go as a tensor; its answers are arrays by field."""

    def __init__(self, rows: npt.NDArray[Any]) -> None:
        if rows.ndim < 2:
            raise Invalid(
                f"`rows` must be an array with a row axis and a column axis, got {rows.ndim} dimension(s); "
                "rows.reshape(1, -1) is one row",
                field="rows",
            )
        self._rows = rows
        self.count = len(rows)

    def part(self, start: int, stop: int) -> list[Any]:
        found: list[Any] = self._rows[start:stop].tolist()
        return found

    def shaped(self, answers: Answers[Any]) -> Any:
        if not isinstance(answers[0], Mapping):
            return column(list(answers))
        objects = _objects(answers)
        return single_or_all({name: column([one.get(name) for one in objects]) for name in objects[0]})


class _Pandas:
    def __init__(self, frame: Any) -> None:
        self._frame = frame
        self.count = len(frame)
        _check_names(frame.columns)

    def part(self, start: int, stop: int) -> list[Any]:
        found: list[Any] = self._frame.iloc[start:stop].to_dict("records")
        return found

    def shaped(self, answers: Answers[Any]) -> Any:
        made = sys.modules["pandas"].DataFrame(_objects(answers), index=self._frame.index)
        made.attrs |= {"model": answers.model, "version": answers.version, "request_id": answers.request_id}
        return made


class _Polars:
    def __init__(self, frame: Any) -> None:
        self._frame = frame
        self.count = frame.height

    def part(self, start: int, stop: int) -> list[Any]:
        found: list[Any] = self._frame.slice(start, stop - start).to_dicts()
        return found

    def shaped(self, answers: Answers[Any]) -> Any:
        return sys.modules["polars"].from_dicts(_objects(answers), infer_schema_length=None)


def column(values: list[Any]) -> npt.NDArray[Any]:
    """The values of one field as an array: of numbers, truth values or text if all are, else of objects."""
    if all(isinstance(value, bool | int | float) for value in values) or all(
        isinstance(value, str) for value in values
    ):
        return np.array(values)
    made = np.empty(len(values), object)
    made[:] = values
    return made


def single_or_all(arrays: dict[str, npt.NDArray[Any]]) -> Any:
    """The only array, or all by their names."""
    return next(iter(arrays.values())) if len(arrays) == 1 else arrays


def _objects(answers: Answers[Any]) -> list[Mapping[str, Any]]:
    """The answers, whose fields become columns. Raises `BadAnswer` if one is not an object."""
    for at, one in enumerate(answers):
        if not isinstance(one, Mapping):
            what = f"answer {at} is {type(one).__name__} and not an object, so it has no columns"
            raise BadAnswer(what, request_id=answers.request_id)
    return list(answers)


def _plain_row(row: Any) -> Any:
    """A row that JSON knows: a mapping as a dict, any other sequence as a list."""
    if isinstance(row, dict | list | tuple):
        return row
    if isinstance(row, Mapping):
        return dict(row)
    return row.tolist() if isinstance(row, np.ndarray) else row


def _check_names(columns: Any) -> None:
    names = list(columns)
    for name in names:
        if not isinstance(name, str):
            raise Invalid(f"the columns of a DataFrame must have text as names, got {name!r}", field="rows")
    if len(set(names)) < len(names):
        twice = next(name for at, name in enumerate(names) if name in names[:at])
        raise Invalid(f"the column {twice!r} is there twice", field="rows")
