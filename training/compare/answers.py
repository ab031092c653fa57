"""Two versions of an added model on the same rows: how far their answers differ.

An added model has no recipe that could judge a row. So this compares answers with each other, not with the truth.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow.parquet as pq

from serving.kernel.storage.model_repository import Repository
from serving.kernel.storage.version_files import Refused
from training.errors import DataError
from training.progress import Progress, Silent
from training.score.answers import ROW, VERSION
from training.score.question_file import columns_of
from training.score.rows import Reject
from training.score.run import ScoreRequest, score
from training.score.version import ModelRuntime, choose

__all__ = ["AnswerLine", "Answers", "AnswersRequest", "compare_answers"]

CLOSE = 1e-4
"""Numbers that differ by less, absolute and relative, are the same."""


@dataclass(frozen=True, kw_only=True)
class AnswersRequest:
    """Which two versions, and the file of questions; without one, the golden rows of both."""

    app: str
    versions: tuple[int, int]
    home: Path
    runtime: ModelRuntime
    data: Path | None = None


class AnswerLine(msgspec.Struct, frozen=True, kw_only=True):
    """One field of the answers. `mean` and `largest` are of the absolute differences; None for text."""

    output: str
    rows: int
    same: float
    """The share of the rows with the same value."""
    mean: float | None = None
    largest: float | None = None


class Answers(msgspec.Struct, frozen=True, kw_only=True):
    """The differences. `rows` are those that both versions answered."""

    app: str
    first: int
    second: int
    data: str
    rows: int
    only_first: int
    """Rows that the second version rejected."""
    only_second: int
    neither: int
    """Rows that both versions rejected."""
    lines: tuple[AnswerLine, ...]
    only: tuple[str, ...]
    """Fields that only one of the versions answers with."""


def compare_answers(request: AnswersRequest, progress: Progress | None = None) -> Answers:
    """Answer the rows with both versions, and compare. Raises `DataError`, `ScoreError`."""
    progress = progress or Silent()
    with tempfile.TemporaryDirectory(prefix="slipway-compare-") as place:
        data = request.data or _golden(request, Path(place) / "questions.jsonl")
        scored = []
        for version in request.versions:
            with progress.step(f"version {version}"):
                scored.append(_answered(request, version, data, Path(place) / f"{version}.parquet"))
    first, second = (one.answers for one in scored)
    both = sorted(first.keys() & second.keys())
    if not both:
        why = next(filter(None, (one.rejected for one in scored)), "")
        raise DataError(f"no row was answered by both versions; give a file that both accept with --data{why}")
    here, there = ({name: [one[row][name] for row in both] for name in one[both[0]]} for one in (first, second))
    return Answers(
        app=request.app,
        first=request.versions[0],
        second=request.versions[1],
        data=request.data.name if request.data is not None else "",
        rows=len(both),
        only_first=len(first) - len(both),
        only_second=len(second) - len(both),
        neither=scored[0].rows - len(first.keys() | second.keys()),
        lines=tuple(_line(name, here[name], there[name]) for name in here if name in there),
        only=tuple(sorted(here.keys() ^ there.keys())),
    )


def _golden(request: AnswersRequest, path: Path) -> Path:
    """A file with the golden questions of both versions, each once."""
    repository = Repository(Path(request.runtime.repository))
    questions: dict[bytes, None] = {}
    for version in request.versions:
        try:
            rows = repository.golden(request.app, version)
        except Refused as cause:
            raise DataError(f"{request.app} version {version}: {cause}") from cause
        questions |= dict.fromkeys(msgspec.json.encode(row.question) for row in rows)
    path.write_bytes(b"\n".join(questions))
    return path


@dataclass(frozen=True)
class _Scored:
    """One version's answers by row, of how many rows, and why it rejected the first that it did."""

    answers: dict[int, dict[str, Any]]
    rows: int
    rejected: str


def _answered(request: AnswersRequest, version: int, data: Path, out: Path) -> _Scored:
    """The answers of one version; a file may have columns that this version does not take."""
    app, _ = choose(request.app, Path(request.runtime.repository), version)
    fields = {field.encode_name for field in msgspec.structs.fields(app.question)}
    keep = tuple(name for name in columns_of(data) if name not in fields)
    asked = ScoreRequest(
        app=request.app,
        data=data,
        out=out,
        home=request.home,
        runtime=request.runtime,
        version=version,
        keep=keep,
    )
    result = score(asked)
    table = pq.read_table(out)
    names = [name for name in table.column_names if name not in (ROW, VERSION, *keep)]
    answers = {
        row[ROW]: {name: row[name] for name in names} for row in table.to_pylist() if row[VERSION] is not None
    }
    rejected = ""
    if result.rejected:
        with Path(result.rejects).open("rb") as lines:
            first = msgspec.json.decode(lines.readline(), type=Reject)
        rejected = f". Version {version} rejects row {first.row}: {first.field}: {first.reason}"
    return _Scored(answers, result.rows, rejected)


def _line(name: str, first: Sequence[Any], second: Sequence[Any]) -> AnswerLine:
    pairs = [(_decoded(one), _decoded(other)) for one, other in zip(first, second, strict=True)]
    found = [_difference(one, other) for one, other in pairs]
    same = float(np.mean([equal for _, equal in found]))
    if any(errors is None for errors, _ in found):
        return AnswerLine(output=name, rows=len(found), same=same)
    every = np.concatenate([errors for errors, _ in found])
    mean = float(every.mean()) if every.size else 0.0
    return AnswerLine(output=name, rows=len(found), same=same, mean=mean, largest=float(every.max(initial=0.0)))


def _difference(one: Any, other: Any) -> tuple[Any, bool]:
    """The absolute differences, None unless both are numbers of one shape; and whether the values are the same."""
    if isinstance(one, dict) and isinstance(other, dict):
        if one.keys() != other.keys():
            return None, False
        one, other = list(one.values()), [other[name] for name in one]
    try:
        left, right = (np.array(value, np.float64) for value in (one, other))
    except (TypeError, ValueError):
        return None, bool(one == other)
    if left.shape != right.shape:
        return None, False
    # Null, which is NaN here, equals null.
    errors = np.where(np.isnan(left) & np.isnan(right), 0.0, np.abs(left - right)).reshape(-1)
    allowed = CLOSE * (1 + np.abs(left)).reshape(-1)
    return np.nan_to_num(errors, nan=np.inf), bool(np.all((errors <= allowed) | (errors == 0)))


def _decoded(value: Any) -> Any:
    """The object that a text in JSON is, as probabilities by class are written; else the value."""
    if isinstance(value, str) and value.startswith("{"):
        try:
            return msgspec.json.decode(value)
        except msgspec.DecodeError:
            return value
    return value
