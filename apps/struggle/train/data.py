"""Join the tables of OULAD to one row per student and presentation, then to one row per prediction day."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pandera.pandas as pa

from apps.struggle.schema import DAYS, EDUCATIONS, Assessment, StruggleQuestion, StudyRecord
from apps.struggle.serve.stored import BACKGROUNDS
from training.data.split import by_time_and_group
from training.errors import BadValue, DataError
from training.recipe import Split

__all__ = ["FORBIDDEN", "GROUPS", "SCHEMA", "TABLES", "cut", "join", "questions", "tidy"]

TABLES = ("studentInfo", "studentRegistration", "assessments", "studentAssessment")
KEY = ["code_module", "code_presentation", "id_student"]
COLUMNS = {
    "studentInfo": [*KEY, "gender", "highest_education", "imd_band", "num_of_prev_attempts", "studied_credits"]
    + ["disability", "final_result"],
    "studentRegistration": [*KEY, "date_registration", "date_unregistration"],
    "assessments": ["code_module", "code_presentation", "id_assessment", "assessment_type", "date", "weight"],
    "studentAssessment": ["id_student", "id_assessment", "date_submitted", "is_banked", "score"],
}
"""Columns read from each table."""
FORBIDDEN = (
    "final_result",
    "date_unregistration",
    "withdrawn",
    "gender",
    "disability",
    "imd_band",
    "age_band",
    "region",
)
"""Columns that would leak the target or must not influence an answer."""
GROUPS = ("in_gender", "in_disability", "in_deprivation")
"""Columns that are never features; they measure fairness."""

RESULTS = {"Pass": 0, "Distinction": 0, "Fail": 1, "Withdrawn": 1}
VALIDATION = 0.2
"""Share of students in earlier presentations for early stopping, calibration and thresholds."""

SCHEMA = pa.DataFrameSchema(
    {
        "student": pa.Column(str, pa.Check.str_length(1, 64)),
        "objective": pa.Column(str, pa.Check.str_length(1, 64)),
        "start": pa.Column("datetime64[ns]"),
        "day": pa.Column(int, pa.Check.isin(DAYS)),
        "registered": pa.Column(float, pa.Check.in_range(-1000, 1000), nullable=True),
        "attempts": pa.Column(int, pa.Check.in_range(0, 20)),
        "credits": pa.Column(float, pa.Check.in_range(0, 1000)),
        "education": pa.Column(str, pa.Check.isin(EDUCATIONS), nullable=True),
        "assessments": pa.Column(str),
        "struggles": pa.Column(int, pa.Check.isin([0, 1])),
        **{name: pa.Column(str) for name in GROUPS},
    },
    strict=True,
)

_ITEMS = msgspec.json.Decoder(tuple[Assessment, ...])


def join(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return one row per row of `studentInfo`, in its order, with the assessments as JSON.

    `attrs["unused"]` names the columns of the tables that are not read. Raises `DataError`.
    """
    for name, columns in COLUMNS.items():
        absent = [column for column in columns if column not in tables[name].columns]
        if absent:
            raise DataError(f"{name}: column {absent[0]!r} is missing; expected {', '.join(columns)}")
    students = tables["studentInfo"][COLUMNS["studentInfo"]]
    twice = students.duplicated(KEY)
    if twice.any():
        module, presentation, student = students.loc[twice, KEY].iloc[0]
        raise DataError(f"studentInfo: student {student} appears twice in {module}-{presentation}")
    dates = tables["studentRegistration"][COLUMNS["studentRegistration"]].drop_duplicates(KEY, keep="last")
    joined = students.merge(dates, on=KEY, how="left").set_axis(students.index)
    work = _submissions(students, tables["assessments"], tables["studentAssessment"])
    made = joined.assign(assessments=work.reindex(students.index, fill_value="[]"))
    made.attrs["unused"] = [
        f"{table}.{name}" for table, used in COLUMNS.items() for name in tables[table].columns if name not in used
    ]
    return made


def _submissions(students: pd.DataFrame, plan: pd.DataFrame, handed_in: pd.DataFrame) -> pd.Series[Any]:
    """Return each student's assessments as JSON, by the index of `students`. The exam is too late to be useful."""
    dated = pd.to_numeric(plan["date"], errors="coerce")
    plan = plan[(plan["assessment_type"] != "Exam") & dated.notna()]
    own = students[KEY].assign(row=students.index).merge(plan, on=["code_module", "code_presentation"])
    handed_in = handed_in.drop_duplicates(["id_student", "id_assessment"], keep="last")
    own = own.merge(handed_in, on=["id_student", "id_assessment"], how="left").sort_values("row", kind="stable")
    numbers = {name: pd.to_numeric(own[name], errors="coerce") for name in ("date", "date_submitted", "score")}
    rows = zip(
        own["row"],
        own["assessment_type"],
        numbers["date"].astype(int),
        own["weight"].astype(float),
        numbers["date_submitted"].tolist(),
        numbers["score"].tolist(),
        own["is_banked"] == 1,
        strict=True,
    )
    found: dict[int, list[Assessment]] = {}
    for row, kind, due, weight, submitted, score, banked in rows:
        item = Assessment(
            kind=kind,
            due=due,
            weight=weight,
            submitted=None if np.isnan(submitted) else int(submitted),
            score=None if np.isnan(score) else score,
            banked=bool(banked),
        )
        found.setdefault(row, []).append(item)
    return pd.Series({row: msgspec.json.encode(items).decode() for row, items in found.items()}, dtype=object)


def tidy(raw: pd.DataFrame) -> pd.DataFrame:
    """Return one row per student, objective and prediction day of `DAYS`.

    A student who has withdrawn by a day, or registers later, has no row for that day. A student who withdrew on an
    unknown day has no rows. Raises `DataError`.
    """
    absent = [name for name in (*COLUMNS["studentInfo"], "assessments") if name not in raw.columns]
    if absent:
        raise DataError(f"column {absent[0]!r} is missing; provide the tables {', '.join(TABLES)}")
    registered = pd.to_numeric(raw["date_registration"], errors="coerce").astype(float)
    withdrawn = pd.to_numeric(raw["date_unregistration"], errors="coerce").astype(float)
    frame = pd.DataFrame(
        {
            "student": raw["id_student"].astype(str),
            "objective": _text(raw["code_module"]).str.cat(_text(raw["code_presentation"]), sep="-"),
            "start": _starts(raw["code_presentation"]),
            "registered": registered,
            "attempts": raw["num_of_prev_attempts"].astype(int),
            "credits": raw["studied_credits"].astype(float),
            "education": _coded(raw["highest_education"], BACKGROUNDS),
            "assessments": raw["assessments"].astype(str),
            "struggles": _coded(raw["final_result"], RESULTS).astype(int),
            "in_gender": raw["gender"].astype(str),
            "in_disability": raw["disability"].astype(str),
            "in_deprivation": _deprivation(raw["imd_band"]),
        }
    )
    told = ~((raw["final_result"] == "Withdrawn") & withdrawn.isna())
    there = [told & ~(withdrawn <= day) & ~(registered > day) for day in DAYS]
    parts = [frame[kept].assign(day=day) for day, kept in zip(DAYS, there, strict=True)]
    made = pd.concat(parts)
    made.attrs["unused"] = raw.attrs.get("unused", [])
    return made


def cut(frame: pd.DataFrame) -> Split:
    """Use the last presentation for the test; divide students of earlier ones into train and validation."""
    starts = sorted(frame["start"].unique())
    if len(starts) < 2:
        raise DataError(
            "split: the table has one presentation only; expected at least 2, the last for the test part"
        )
    return by_time_and_group(frame, "start", starts[-1], "student", validation=VALIDATION)


def questions(part: pd.DataFrame) -> list[StruggleQuestion]:
    """Return rows of the tidy table as questions. Raises `DataError` for a value out of range."""
    known: dict[str, tuple[Assessment, ...]] = {}
    for text in part["assessments"].unique():
        try:
            known[text] = _ITEMS.decode(text)
        except msgspec.MsgspecError as cause:
            raise DataError(f"assessments: {cause}: {text[:200]}") from cause
    columns = ("student", "objective", "day", "registered", "attempts", "credits", "education", "assessments")
    return [
        StruggleQuestion(
            student=student,
            objective=objective,
            day=day,
            record=StudyRecord(
                registered=None if np.isnan(registered) else int(registered),
                attempts=attempts,
                credits=credits,
                education=education if education in EDUCATIONS else None,
                assessments=known[items],
            ),
        )
        for student, objective, day, registered, attempts, credits, education, items in zip(
            *(part[name].tolist() for name in columns), strict=True
        )
    ]


def _text(values: pd.Series[Any]) -> pd.Series[str]:
    return values.map(str)


def _starts(presentations: pd.Series[Any]) -> pd.Series[Any]:
    """Return the first day of a presentation such as `2013B`; the letter is the month (A is January)."""
    found = _text(presentations).str.extract(r"^(\d{4})([A-L])$")
    _refuse(presentations, found[0].isna(), "a year and a letter from A to L, such as 2013J")
    months = found[1].map(lambda letter: f"{ord(letter) - ord('A') + 1:02d}")
    return pd.to_datetime(found[0] + "-" + months + "-01").astype("datetime64[ns]")


def _coded(values: pd.Series[Any], codes: Mapping[str, Any]) -> pd.Series[Any]:
    coded = values.map(codes)
    _refuse(values, coded.isna(), f"one of {', '.join(codes)}")
    return coded


def _refuse(values: pd.Series[Any], wrong: pd.Series[Any], allowed: str) -> None:
    if wrong.any():
        row = int(values.index[wrong][0])
        raise BadValue(row, str(values.name), values.loc[row], allowed)


def _deprivation(bands: pd.Series[Any]) -> pd.Series[Any]:
    """Map a band such as `20-30%` to one of three parts of the index; the first is the most deprived."""
    low = pd.to_numeric(_text(bands).str.extract(r"^(\d+)-")[0], errors="coerce")
    names = np.select([low < 30, low < 70, low >= 70], ["0-30%", "30-70%", "70-100%"], "not known")
    return pd.Series(names, index=bands.index)
