"""Synthetic students, used if no data is given: the same seed gives the same tables, in the layout of OULAD."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

__all__ = ["generate"]

PRESENTATIONS = ("2013B", "2013J", "2014B", "2014J")
MODULES = {"AAA": (19, 54, 89, 117, 166, 215), "BBB": (12, 40, 68, 110, 152, 194, 220)}
"""Module to the due days of its assessments."""
STUDENTS = 350
"""Number of students per module and presentation."""
EDUCATION = ("No Formal quals", "Lower Than A Level", "A Level or Equivalent", "HE Qualification")


def generate(seed: int) -> dict[str, pd.DataFrame]:
    """Return the tables studentInfo, studentRegistration, assessments and studentAssessment.

    Students differ in ability and effort, and both raise scores. The effort of some students fades: they submit
    less and less, then fail or withdraw. Earlier attempts and other courses at the time lower the result.
    """
    draw = np.random.default_rng(seed)
    names = ("studentInfo", "studentRegistration", "assessments", "studentAssessment")
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    for presentation in PRESENTATIONS:
        for module, due_days in MODULES.items():
            course = {"code_module": module, "code_presentation": presentation}
            plan = _plan(course, due_days, len(rows["assessments"]))
            rows["assessments"] += plan
            for _ in range(STUDENTS):
                _student(draw, course, plan[:-1], 1000 + len(rows["studentInfo"]), rows)
    return {name: pd.DataFrame(found) for name, found in rows.items()}


def _plan(course: dict[str, str], due_days: tuple[int, ...], first: int) -> list[dict[str, Any]]:
    weight = 100.0 / len(due_days)
    plan = [
        {"assessment_type": "CMA" if place % 3 == 2 else "TMA", "date": str(day), "weight": round(weight, 1)}
        for place, day in enumerate(due_days)
    ]
    plan.append({"assessment_type": "Exam", "date": "?", "weight": 100.0})
    return [{**course, "id_assessment": first + place, **item} for place, item in enumerate(plan)]


def _student(
    draw: np.random.Generator,
    course: dict[str, str],
    plan: list[dict[str, Any]],
    student: int,
    rows: dict[str, list[dict[str, Any]]],
) -> None:
    ability, effort = draw.normal(0, 1, 2)
    fading = draw.random() < 0.3
    start = draw.uniform(0, 200) if fading else 400.0
    wins = 0.0
    for item in plan:
        day = float(item["date"])
        will = effort + 1.6 - (0.03 * (day - start) if day > start else 0.0)
        if draw.random() > 1 / (1 + np.exp(-1.5 * will)):
            continue
        score = float(np.clip(68 + 9 * ability + 6 * effort + draw.normal(0, 9), 0, 100))
        wins += score * item["weight"]
        submitted = int(day + draw.normal(-2, 3) - effort)
        handed_in = {"date_submitted": submitted, "is_banked": 0, "score": str(round(score))}
        rows["studentAssessment"].append(
            {"id_student": student, "id_assessment": item["id_assessment"], **handed_in}
        )
    about = _person(draw, ability)
    # Factors the rule does not use: earlier attempts, other courses at the time, and education.
    burden = 18 * about["num_of_prev_attempts"] + 0.4 * (about["studied_credits"] - 60)
    final = wins / 100 - burden + 9 * EDUCATION.index(about["highest_education"]) + draw.normal(0, 4)
    gone = fading and draw.random() < 0.5
    result = "Withdrawn" if gone else "Fail" if final < 45 else "Distinction" if final > 78 else "Pass"
    person = {**course, "id_student": student}
    rows["studentInfo"].append({**person, **about, "final_result": result})
    dates = {
        "date_registration": str(-int(draw.integers(5, 150))),
        "date_unregistration": str(int(start + draw.uniform(10, 60))) if gone else "?",
    }
    rows["studentRegistration"].append({**person, **dates})


def _person(draw: np.random.Generator, ability: float) -> dict[str, Any]:
    """Return attributes of a student. Gender, disability and deprivation do not affect the outcome here."""
    level = int(np.clip(round(1.5 + 0.6 * ability + draw.normal(0, 0.8)), 0, len(EDUCATION) - 1))
    low = int(draw.integers(0, 10)) * 10
    return {
        "gender": str(draw.choice(["F", "M"])),
        "highest_education": EDUCATION[level],
        "imd_band": f"{low}-{low + 10}%",
        "num_of_prev_attempts": int(draw.poisson(0.4)),
        "studied_credits": int(draw.choice([60, 90, 120])),
        "disability": str(draw.choice(["N", "Y"], p=[0.9, 0.1])),
    }
