from __future__ import annotations

import numpy as np

from apps.vendor.app import app
from apps.vendor.serve.columns import FEATURES
from apps.vendor.train.golden import golden, parity_rows, question_of
from tests.apps.vendor.tables import fitted, synthetic_split


def test_golden_questions_are_of_the_test_part_and_of_all_kinds() -> None:
    _, split = synthetic_split()
    asked = golden(split.test)
    assert len(asked) == 32
    first = split.test["asked"].min().date()
    assert all(question.asked >= first for question in asked)
    assert any(not question.history for question in asked)
    assert any(question.mode is None and question.weight is None for question in asked)
    assert any(one.delivered is None for question in asked for one in question.history)


def test_nothing_in_a_question_is_later_than_it() -> None:
    _, split = synthetic_split()
    for _, row in split.test.iloc[::50].iterrows():
        question = question_of(row)
        assert question.ordered is None or question.ordered <= question.asked
        assert all(one.delivered is None or one.delivered <= question.asked for one in question.history)


def test_golden_questions_get_answers() -> None:
    recipe, made = fitted()
    asked = recipe.golden(synthetic_split()[1])
    outputs = made.predict(app.features(asked, made.context))  # type: ignore[arg-type]
    answers = app.decide(asked, outputs, made.context)  # type: ignore[arg-type]
    assert all(0 < answer.probability < 1 for answer in answers)
    assert {answer.vendor for answer in answers} == {question.vendor for question in asked}


def test_parity_rows_hold_boundaries_extremes_and_nan() -> None:
    held_out = np.zeros((1500, len(FEATURES)), np.float32)
    rows = parity_rows(held_out, {3: np.array([0.5], np.float32)})
    assert len(rows) > 1500
    near = rows[1500:1503, 3]
    assert sorted(near) == [
        np.nextafter(np.float32(0.5), np.float32(0)),
        0.5,
        np.nextafter(np.float32(0.5), np.float32(1)),
    ]
    assert np.isnan(rows[-1]).all()
    assert np.abs(rows[np.isfinite(rows)]).max() == np.float32(1e30)
