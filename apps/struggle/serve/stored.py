"""Complete a short question (student and objective) from the tables of a student record system.

The tables have OULAD's columns under the names student_info, student_registration, assessments and
student_assessment. Days are integers, and unknown values are null.
"""

from __future__ import annotations

from typing import Any

import msgspec

from apps.struggle.schema import EDUCATIONS, LAST_DAY, Assessment, Education, StruggleQuestion, StudyRecord
from serving.kernel.app import FeatureSource, Rows
from serving.kernel.errors import NotFound

__all__ = ["BACKGROUNDS", "complete", "source"]

BACKGROUNDS: dict[str, Education] = dict(
    zip(
        (
            "No Formal quals",
            "Lower Than A Level",
            "A Level or Equivalent",
            "HE Qualification",
            "Post Graduate Qualification",
        ),
        EDUCATIONS,
        strict=True,
    )
)
"""Education levels in the tables to the app's levels."""

STUDENT = """
SELECT s.num_of_prev_attempts AS attempts, s.studied_credits AS credits, s.highest_education AS education,
       r.date_registration AS registered, r.date_unregistration AS withdrawn
FROM student_info s LEFT JOIN student_registration r
     ON r.id_student = s.id_student AND r.code_module = s.code_module
        AND r.code_presentation = s.code_presentation
WHERE s.id_student = :student AND s.code_module = :module AND s.code_presentation = :presentation
"""
ASSESSMENTS = """
SELECT a.assessment_type AS kind, a.date AS due, a.weight AS weight, w.date_submitted AS submitted,
       w.score AS score, w.is_banked AS banked
FROM assessments a LEFT JOIN student_assessment w
     ON w.id_assessment = a.id_assessment AND w.id_student = :student
WHERE a.code_module = :module AND a.code_presentation = :presentation
      AND a.assessment_type <> 'Exam' AND a.date IS NOT NULL
ORDER BY a.date, a.id_assessment
"""
LATEST = """
SELECT MAX(w.date_submitted) AS day
FROM assessments a JOIN student_assessment w ON w.id_assessment = a.id_assessment
WHERE a.code_module = :module AND a.code_presentation = :presentation
"""


def complete(rows: Rows, question: StruggleQuestion) -> StruggleQuestion:
    """Return the question with its record, and with the objective's latest day if it has none.

    Raises `NotFound` if the student is not on record for the objective.
    """
    module, _, presentation = question.objective.rpartition("-")
    keys = {"student": question.student, "module": module, "presentation": presentation}
    found = rows(STUDENT, keys)
    if not found:
        raise NotFound(f"student {question.student!r} is not on record for objective {question.objective!r}")
    day = question.day if question.day is not None else _latest(rows, keys)
    items = tuple(_assessment(row) for row in rows(ASSESSMENTS, keys))
    return msgspec.structs.replace(question, day=day, record=_record(found[0], items))


def _latest(rows: Rows, keys: dict[str, Any]) -> int:
    day = rows(LATEST, keys)[0]["day"]
    return min(max(1, 1 if day is None else int(day)), LAST_DAY)


def _record(row: dict[str, Any], items: tuple[Assessment, ...]) -> StudyRecord:
    return StudyRecord(
        registered=_day(row["registered"]),
        withdrawn=_day(row["withdrawn"]),
        attempts=int(row["attempts"] or 0),
        credits=float(row["credits"] or 0),
        education=BACKGROUNDS.get(row["education"]),
        assessments=items,
    )


def _assessment(row: dict[str, Any]) -> Assessment:
    return Assessment(
        kind=row["kind"],
        due=int(row["due"]),
        weight=float(row["weight"]),
        submitted=_day(row["submitted"]),
        score=None if row["score"] is None else float(row["score"]),
        banked=bool(row["banked"]),
    )


def _day(value: Any) -> int | None:
    return None if value is None else int(value)


def _is_short(question: StruggleQuestion) -> bool:
    return question.record is None


source = FeatureSource(is_short=_is_short, complete=complete)
