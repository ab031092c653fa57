"""The model's input columns: names and meanings."""

from __future__ import annotations

__all__ = ["COLUMNS", "DAY_COLUMN", "FEATURES"]

COLUMNS: dict[str, str] = {
    "day": "prediction day",
    "attempts": "earlier attempts",
    "credits": "credits studied at the time",
    "registered": "day of registration",
    "education": "highest education before, 0 none to 4 postgraduate",
    "due": "assessments due so far",
    "missed": "assessments due so far and not handed in",
    "missed_share": "share of due assessments not handed in",
    "missed_weight": "weight of assessments not handed in, %",
    "due_weight": "weight of assessments due so far, %",
    "missed_last": "whether the latest due assessment was not handed in",
    "missed_tutor": "tutor-marked assessments not handed in",
    "due_tutor": "tutor-marked assessments due so far",
    "handed_in": "assessments handed in so far",
    "banked": "assessments carried over from an earlier attempt",
    "ahead": "assessments handed in before the prediction day and due after it",
    "mean": "mean score so far, %",
    "weighted_mean": "mean score so far by weight, %",
    "points_share": "points won of the points due so far, %",
    "lowest": "lowest score so far, %",
    "highest": "highest score so far, %",
    "spread": "spread of the scores so far, %",
    "tutor_mean": "mean score of tutor-marked assessments, %",
    "last_score": "latest score, %",
    "last_tutor_score": "latest tutor-marked score, %",
    "late_mean": "mean days after the due day",
    "late_most": "most days after the due day",
    "late_count": "assessments handed in late",
    "since_last": "days since the latest submission",
    "since_due": "days since the latest due day",
    "next_due": "days to the next due day",
    "weight_ahead": "weight of assessments still to come, %",
}
"""Feature name to meaning, in the order of the model's input columns."""
FEATURES: tuple[str, ...] = tuple(COLUMNS)
DAY_COLUMN = FEATURES.index("day")
