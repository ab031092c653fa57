"""Convert study records to model features. Training and serving call the same pure functions.

Only data known on the prediction day count: submissions up to that day, and the plan of assessments. Sums run over
a row's own assessments in a fixed order, so features of a row are independent of other rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt

from apps.struggle.schema import EDUCATIONS, Assessment, StruggleContext, StruggleQuestion, StudyRecord
from apps.struggle.serve.columns import FEATURES
from serving.kernel.errors import Invalid
from serving.kernel.tensors import Arrays

__all__ = ["compute", "encode", "table_of"]

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
LEAST = 1e-9
SUBMITTED = 3
"""First column of `_numbers` whose values are cleared if they were not yet known."""
CODES: dict[str | None, float] = {name: float(code) for code, name in enumerate(EDUCATIONS)}


def encode(questions: Sequence[StruggleQuestion], context: StruggleContext) -> Arrays:
    """Convert questions to the model's input `features`, FP32 [n, F].

    Raises `Invalid` if a question lacks the day or the record, and if the student had already withdrawn.
    """
    return {"features": compute(questions)}


@dataclass(frozen=True)
class Items:
    """All assessments of all questions, sorted by row and due day; `row` is the index of the question."""

    row: npt.NDArray[np.intp]
    rows: int
    due: Floats
    weight: Floats
    submitted: Floats
    """NaN if nothing was submitted by the prediction day."""
    score: Floats
    tutor: Flags
    banked: Flags
    day: Floats

    def total(self, values: npt.NDArray[Any]) -> Floats:
        """Return the sum by row [n]."""
        sums: Floats = np.bincount(self.row, weights=values, minlength=self.rows).astype(np.float64)
        return sums

    def mean(self, values: Floats, where: Flags) -> Floats:
        """Return the mean by row of the items in `where`, NaN if there are none."""
        return _ratio(self.total(np.where(where, values, 0.0)), self.total(where))

    def most(self, values: Floats, where: Flags) -> Floats:
        """Return the maximum by row of the items in `where`, NaN if there are none."""
        found = np.full(self.rows, -np.inf)
        np.maximum.at(found, self.row[where], values[where])
        return np.where(np.isinf(found), np.nan, found)

    def latest(self, values: Floats, moment: Floats, where: Flags) -> Floats:
        """Return the value at the latest `moment` by row of the items in `where`; ties go to the last due."""
        kept = np.flatnonzero(where)
        order = kept[np.lexsort((kept, moment[kept], self.row[kept]))]
        found = np.full(self.rows, np.nan)
        # Later items overwrite earlier ones: the indices are sorted, and NumPy assigns them in order.
        found[self.row[order]] = values[order]
        return found


def compute(questions: Sequence[StruggleQuestion]) -> npt.NDArray[np.float32]:
    """Return the features of every question, FP32 [n, F] in the order of `FEATURES`. Raises `Invalid`."""
    records = [_record(row, question) for row, question in enumerate(questions)]
    days = np.array([question.day for question in questions], dtype=np.float64)
    columns = {"day": days, **_background(records), **_facts(table_of(records, days), days)}
    features: npt.NDArray[np.float32] = np.stack([columns[name] for name in FEATURES], axis=1).astype(np.float32)
    return features


def table_of(records: Sequence[StudyRecord], days: Floats) -> Items:
    """Return the assessments of records [n], as known on `days` [n]."""
    row = np.repeat(np.arange(len(records)), [len(record.assessments) for record in records])
    found = np.array(
        [_numbers(item) for item in chain.from_iterable(record.assessments for record in records)],
        dtype=np.float64,
    ).reshape(-1, 6)
    day = days[row]
    # Clear unknown values before sorting, so that later events cannot influence the order.
    later = ~(found[:, SUBMITTED] <= day)
    found[later, SUBMITTED:] = (np.nan, np.nan, 0.0)
    order = np.lexsort((*(found[:, column] for column in (5, 4, 3, 2, 1, 0)), row))
    due, tutor, weight, submitted, score, banked = found[order].T
    return Items(
        row=row[order],
        rows=len(records),
        due=due,
        weight=weight,
        submitted=submitted,
        score=score,
        tutor=tutor > 0,
        banked=banked > 0,
        day=day[order],
    )


def _record(row: int, question: StruggleQuestion) -> StudyRecord:
    if question.record is None:
        raise Invalid(
            f"[{row}].record",
            "is missing; give the study record with the question, or let the server read it from a database "
            "(SLIPWAY_DATABASE_URL)",
        )
    if question.day is None:
        raise Invalid(f"[{row}].day", "is missing; set the prediction day if the question contains a record")
    withdrawn = question.record.withdrawn
    if withdrawn is not None and withdrawn <= question.day:
        raise Invalid(
            f"[{row}].record.withdrawn",
            f"{withdrawn} must be after the prediction day {question.day}; withdrawn students get no answer",
        )
    return question.record


def _numbers(item: Assessment) -> tuple[float, ...]:
    nan = float("nan")
    return (
        item.due,
        item.kind == "TMA",
        item.weight,
        nan if item.submitted is None else item.submitted,
        nan if item.score is None else item.score,
        item.banked,
    )


def _background(records: Sequence[StudyRecord]) -> dict[str, Floats]:
    columns = {
        "attempts": [record.attempts for record in records],
        "credits": [record.credits for record in records],
        "registered": [record.registered for record in records],
        "education": [CODES.get(record.education) for record in records],
    }
    return {name: np.array(values, dtype=np.float64) for name, values in columns.items()}


def _facts(items: Items, days: Floats) -> dict[str, Floats]:
    """Return features of the assessments, by row."""
    past, handed = items.due <= items.day, ~np.isnan(items.submitted)
    missed = past & ~handed
    due, misses = items.total(past), items.total(missed)
    future = ~past
    return {
        "due": due,
        "missed": misses,
        "missed_share": _ratio(misses, due),
        "missed_weight": items.total(np.where(missed, items.weight, 0.0)),
        "due_weight": items.total(np.where(past, items.weight, 0.0)),
        "missed_last": items.latest(missed.astype(np.float64), items.due, past),
        "missed_tutor": items.total(missed & items.tutor),
        "due_tutor": items.total(past & items.tutor),
        "handed_in": items.total(handed),
        "banked": items.total(items.banked),
        "ahead": items.total(future & handed),
        "since_last": days - items.most(items.submitted, handed),
        "since_due": days - items.most(items.due, past),
        "next_due": -items.most(-items.due, future) - days,
        "weight_ahead": items.total(np.where(future, items.weight, 0.0)),
        **_scores(items, past),
        **_lateness(items, handed),
    }


def _scores(items: Items, past: Flags) -> dict[str, Floats]:
    scored = ~np.isnan(items.score)
    mean = items.mean(items.score, scored)
    away = np.where(scored, items.score - mean[items.row], 0.0)
    points = items.total(np.where(scored, items.score * items.weight, 0.0))
    return {
        "mean": mean,
        "weighted_mean": _ratio(points, items.total(np.where(scored, items.weight, 0.0))),
        "points_share": _ratio(points, items.total(np.where(past, items.weight, 0.0))),
        "lowest": -items.most(-items.score, scored),
        "highest": items.most(items.score, scored),
        "spread": np.sqrt(items.mean(away * away, scored)),
        "tutor_mean": items.mean(items.score, scored & items.tutor),
        "last_score": items.latest(items.score, items.submitted, scored),
        "last_tutor_score": items.latest(items.score, items.submitted, scored & items.tutor),
    }


def _lateness(items: Items, handed: Flags) -> dict[str, Floats]:
    late = items.submitted - items.due
    own = handed & ~items.banked
    return {
        "late_mean": items.mean(late, own),
        "late_most": items.most(late, own),
        "late_count": items.total(own & (late > 0)),
    }


def _ratio(above: Floats, below: Floats) -> Floats:
    """Return the ratio, NaN if the divisor is zero or so small that the ratio would overflow."""
    known = below > LEAST
    return np.where(known, above / np.where(known, below, 1.0), np.nan)
