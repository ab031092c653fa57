from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from apps.struggle.schema import StruggleQuestion
from apps.struggle.serve.features import compute
from apps.struggle.serve.stored import complete, source
from apps.struggle.train.data import questions
from apps.struggle.train.synthetic import generate
from serving.kernel.app import Rows
from serving.kernel.errors import NotFound
from tests.apps.struggle.students import table

NAMES = {
    "student_info": "studentInfo",
    "student_registration": "studentRegistration",
    "assessments": "assessments",
    "student_assessment": "studentAssessment",
}


@pytest.fixture(scope="module")
def rows() -> Iterator[Rows]:
    connection = sqlite3.connect(":memory:")
    connection.row_factory = sqlite3.Row
    tables = generate(7)
    for name, given in NAMES.items():
        frame = tables[given].copy()
        if "id_student" in frame:
            frame["id_student"] = frame["id_student"].astype(str)
        frame = frame.astype(object).where(frame != "?", None)
        frame.to_sql(name, connection, index=False)

    def read(query: str, parameters: dict[str, Any]) -> list[dict[str, Any]]:
        return [dict(row) for row in connection.execute(query, parameters)]

    yield read
    connection.close()


def test_a_short_question_has_the_very_features_of_a_whole_one(rows: Rows) -> None:
    whole = questions(table().iloc[::97])
    short = [StruggleQuestion(student=q.student, objective=q.objective, day=q.day) for q in whole]
    assert all(map(source.is_short, short)) and not any(map(source.is_short, whole))
    found = compute([complete(rows, question) for question in short])
    np.testing.assert_array_equal(found, compute(whole))


def test_without_a_day_it_is_the_latest_of_the_objective(rows: Rows) -> None:
    asked = questions(table().tail(1))[0]
    found = complete(rows, StruggleQuestion(student=asked.student, objective=asked.objective))
    assert 200 < (found.day or 0) <= 240


@pytest.mark.parametrize(
    ("student", "objective"), [("nobody", "AAA-2014J"), ("1000", "AAA"), ("1000", "ZZZ-2014J")]
)
def test_who_is_not_on_record_is_not_found(rows: Rows, student: str, objective: str) -> None:
    with pytest.raises(NotFound, match="is not on record for objective"):
        complete(rows, StruggleQuestion(student=student, objective=objective))
