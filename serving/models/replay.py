"""Golden rows: a version answers the questions of its training again and must give the same answers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np

from serving.kernel.call import Call
from serving.kernel.errors import DeadlineExceeded, SlipwayError, Unavailable
from serving.kernel.storage.version_files import Refused
from serving.kernel.storage.version_manifest import GOLDEN_NAME, GoldenRow
from serving.kernel.tensors import Arrays
from serving.models.loaded_version import LoadedVersion

__all__ = ["replay"]

REPLAY_SECONDS = 30.0
ANSWER_TOLERANCE = 1e-3
"""The largest relative difference of numbers in a replayed answer; its outputs may differ within the tolerance."""

Recorded = list[float | str | None]
"""One row of a tensor."""


async def replay(loaded: LoadedVersion, rows: Sequence[GoldenRow]) -> None:
    """Ask the golden questions and compare features, outputs and answers with what training computed.

    What the app computes runs in a thread: other apps are served meanwhile. Raises `Refused` naming the first row
    and the feature, output or field that differs.
    """
    if not rows:
        raise Refused(f"{GOLDEN_NAME} has no rows to replay")
    questions, features = await asyncio.to_thread(_ask, loaded, rows)
    outputs = await _run(loaded, features)
    await asyncio.to_thread(_check, loaded, rows, questions, outputs)


def _ask(loaded: LoadedVersion, rows: Sequence[GoldenRow]) -> tuple[list[Any], Arrays]:
    """The questions and their features. Raises `Refused` for features that differ."""
    app = loaded.app
    try:
        questions = [msgspec.json.decode(row.question, type=app.question) for row in rows]
        features: Arrays = app.features(questions, loaded.context)
    except (msgspec.MsgspecError, SlipwayError) as cause:
        raise Refused(f"golden rows: today's code refuses a question that training answered: {cause}") from cause
    for name, array in features.items():
        expected = _recorded(rows, "features", name)
        labels = app.feature_names if array.shape[-1] == len(app.feature_names) else ()
        _compare(f"feature tensor {name}", expected, array, labels, atol=1e-6, rtol=1e-5)
    return questions, features


def _check(loaded: LoadedVersion, rows: Sequence[GoldenRow], questions: list[Any], outputs: Arrays) -> None:
    """Raise `Refused` for outputs or answers that differ."""
    app = loaded.app
    if outputs.keys() != {spec.name for spec in app.outputs}:
        raise Refused(f"the model gives {sorted(outputs)}; the app expects {[spec.name for spec in app.outputs]}")
    for name, array in outputs.items():
        expected = _recorded(rows, "outputs", name)
        _compare(f"output {name}", expected, array, (), atol=app.tolerance, rtol=app.relative_tolerance)
    answers = app.decide(questions, outputs, loaded.context)
    if len(answers) != len(rows):
        raise Refused(f"golden rows: today's code gives {len(answers)} answers to {len(rows)} questions")
    for index, (row, answer) in enumerate(zip(rows, answers, strict=True)):
        path = _difference(_json(index, row.answer), msgspec.json.decode(msgspec.json.encode(answer)), "$")
        if path:
            raise Refused(f"golden row {index}: answer {path}")


def _recorded(rows: Sequence[GoldenRow], part: str, name: str) -> list[Recorded]:
    """What training recorded of one tensor. Raises `Refused` if a row lacks it or has another number of values."""
    found: list[Recorded] = []
    for index, row in enumerate(rows):
        values = getattr(row, part).get(name)
        if values is None:
            raise Refused(f"golden row {index}: {part} has no {name}")
        if found and len(values) != len(found[0]):
            raise Refused(f"golden row {index}: {part}.{name} has {len(values)} values, row 0 has {len(found[0])}")
        found.append(values)
    return found


def _json(index: int, answer: msgspec.Raw) -> Any:
    try:
        return msgspec.json.decode(answer)
    except (msgspec.MsgspecError, RecursionError) as cause:
        raise Refused(f"golden row {index}: answer: {cause}") from cause


async def _run(loaded: LoadedVersion, features: Arrays) -> Arrays:
    call = Call("golden-replay", time.monotonic() + REPLAY_SECONDS)
    try:
        outputs: Arrays = await loaded.backend.submit(loaded.tensors, features, call)
        return outputs
    except (Unavailable, DeadlineExceeded):
        raise  # says something about the backend and nothing about the version
    except SlipwayError as cause:
        raise Refused(f"golden rows: {cause.message}") from cause


def _compare(
    what: str,
    expected: list[Recorded],
    actual: Any,
    labels: tuple[str, ...],
    *,
    atol: float,
    rtol: float,
) -> None:
    """Raise `Refused` for the first element of `actual` [rows, ...] that differs from `expected`; null is NaN."""
    if actual.dtype == np.object_:
        _compare_text(what, expected, actual.reshape(len(expected), -1).tolist())
        return
    wanted = np.array([[np.nan if v is None else v for v in row] for row in expected], np.float64)
    got = np.asarray(actual, np.float64).reshape(len(expected), -1)
    if wanted.shape != got.shape:
        raise Refused(f"golden rows: {what} has {got.shape[1]} columns, training had {wanted.shape[1]}")
    wrong = ~np.isclose(got, wanted, rtol=rtol, atol=atol, equal_nan=True)
    if wrong.any():
        row, column = (int(i) for i in np.argwhere(wrong)[0])
        # With more than two axes the labels repeat for every step along the middle axes.
        label = labels[column % len(labels)] if labels else f"column {column}"
        raise Refused(
            f"golden row {row}: {what}, {label}: is {got[row, column]:.9g}, was {wanted[row, column]:.9g} "
            f"in training ({int(wrong.sum())} values differ)"
        )


def _compare_text(what: str, expected: list[Recorded], actual: list[list[str]]) -> None:
    """Raise `Refused` for the first row of text that differs."""
    for index, (wanted, got) in enumerate(zip(expected, actual, strict=True)):
        if wanted != got:
            raise Refused(f"golden row {index}: {what} is {str(got)[:200]}, was {str(wanted)[:200]}")


def _difference(expected: Any, actual: Any, path: str) -> str:
    """The path at which two JSON values differ by more than rounding, and how; empty if they do not."""
    if isinstance(expected, dict) and isinstance(actual, dict):
        if expected.keys() != actual.keys():
            return f"{path} has fields {sorted(actual)}, training had {sorted(expected)}"
        return next(filter(None, (_difference(expected[k], actual[k], f"{path}.{k}") for k in expected)), "")
    # A tuple in an answer is an array in JSON.
    if isinstance(expected, list) and isinstance(actual, (list, tuple)) and len(expected) == len(actual):
        pairs = enumerate(zip(expected, actual, strict=True))
        return next(filter(None, (_difference(a, b, f"{path}[{i}]") for i, (a, b) in pairs)), "")
    if isinstance(expected, (int, float)) and isinstance(actual, (int, float)):
        same = abs(expected - actual) <= ANSWER_TOLERANCE * max(1.0, abs(expected))
    else:
        same = expected == actual
    return "" if same else f"{path} is {actual!r}, was {expected!r} in training"
