"""Rows of tensors as questions, and what the model answers to them, for the replay at every load."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from serving.kernel.added.columns import AddedContext, Column
from serving.kernel.app import App
from serving.kernel.storage.version_files import encode_golden
from serving.kernel.storage.version_manifest import GOLDEN_NAME, GoldenRow, row_of
from serving.kernel.tensors import Arrays
from training.added.plan import Run

__all__ = ["MOST_ROWS", "MOST_VALUES", "golden_count", "question_of", "write_golden"]

MOST_ROWS = 16
MOST_VALUES = 200_000
"""Values that all golden rows may have together; a picture has many."""


def golden_count(rows: Arrays, varies: bool, answer: int = 0) -> int:
    """How many golden rows to write; one where the answers of rows have sizes of their own.

    `answer` is the number of values of an answer.
    """
    values = answer + sum(int(np.prod(array.shape[1:])) for array in rows.values())
    return 1 if varies else max(1, min(MOST_ROWS, MOST_VALUES // max(1, values)))


def question_of(columns: Sequence[Column], rows: Arrays, index: int) -> dict[str, Any]:
    """One row of tensors as an object in the model's columns."""
    made: dict[str, Any] = {}
    for column in columns:
        row = np.asarray(rows[column.tensor][index])
        value: Any = row[..., column.position].reshape(-1)[0] if column.position >= 0 else row
        plain = np.asarray(value).tolist()
        if isinstance(plain, list) and row.ndim == 1 and row.size == 1:
            plain = plain[0]
        made[column.name] = None if column.optional and plain != plain else plain
    return made


def write_golden(
    folder: Path, app: App[Any, Any, AddedContext], context: AddedContext, rows: Arrays, run: Run
) -> None:
    """Ask each row as a question and write it with its features, outputs and answer."""
    count = len(next(iter(rows.values())))
    asked = [question_of(context.columns, rows, index) for index in range(count)]
    questions = [msgspec.convert(question, app.question) for question in asked]
    features = app.features(questions, context)
    parts = (
        [features]
        if not context.alone
        else [{name: array[[index]] for name, array in features.items()} for index in range(count)]
    )
    answered = [run(part) for part in parts]
    outputs = {name: np.concatenate([one[name] for one in answered]) for name in answered[0]}
    answers = app.decide(questions, outputs, context)
    golden = [
        GoldenRow(
            msgspec.Raw(msgspec.json.encode(questions[index])),
            row_of(features, index),
            row_of(outputs, index),
            msgspec.Raw(msgspec.json.encode(answers[index])),
        )
        for index in range(count)
    ]
    (folder / GOLDEN_NAME).write_bytes(encode_golden(golden))
