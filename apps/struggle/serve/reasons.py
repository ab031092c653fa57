"""Reasons for a struggle, in words. They are facts from the record, not contributions of the model."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from apps.struggle.serve.columns import FEATURES

__all__ = ["MOST", "NOTHING", "reasons"]

MOST = 4
"""Maximum number of reasons in one answer."""
NOTHING = "nothing on the record points to a struggle"

Row = dict[str, float]
PASS = 40.0
LOW = 55.0
LONG = 40
BUSY = 120


def reasons(features: npt.NDArray[np.float32]) -> list[tuple[str, ...]]:
    """Return the reasons for each row of features [n, F], most important first."""
    return [_reasons(dict(zip(FEATURES, row, strict=True))) for row in features.tolist()]


def _missed(row: Row) -> str:
    if not row["missed"]:
        return ""
    return f"{row['missed']:.0f} of {row['due']:.0f} assessments due so far were not handed in"


def _scores(row: Row) -> str:
    mean = row["mean"]
    if mean < PASS:
        return f"the mean score so far is {mean:.0f} %, below the pass mark of {PASS:.0f} %"
    return f"the mean score so far is {mean:.0f} %" if mean < LOW else ""


def _falling(row: Row) -> str:
    last, mean = row["last_score"], row["mean"]
    return f"the latest score, {last:.0f} %, is well below the mean of {mean:.0f} %" if last < mean - 10 else ""


def _silent(row: Row) -> str:
    if row["due"] and row["since_last"] > LONG:
        return f"nothing was handed in for {row['since_last']:.0f} days"
    return ""


def _nothing_yet(row: Row) -> str:
    return "nothing is scored yet" if np.isnan(row["mean"]) else ""


def _late(row: Row) -> str:
    return f"{row['late_count']:.0f} assessments were handed in late" if row["late_count"] > 1 else ""


def _again(row: Row) -> str:
    return f"{row['attempts']:.0f} earlier attempts at the objective" if row["attempts"] else ""


def _load(row: Row) -> str:
    return f"{row['credits']:.0f} credits are studied at the time" if row["credits"] >= BUSY else ""


FINDERS: Sequence[Callable[[Row], str]] = (_missed, _scores, _falling, _silent, _nothing_yet, _late, _again, _load)


def _reasons(row: Row) -> tuple[str, ...]:
    found = [words for words in (finder(row) for finder in FINDERS) if words]
    return tuple(found[:MOST]) or (NOTHING,)
