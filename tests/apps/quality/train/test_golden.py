from __future__ import annotations

import numpy as np

from apps.quality.serve.columns import FEATURES, HISTORY_COLUMN
from apps.quality.train.golden import BOUNDARIES, EXTREMES, parity_rows
from tests.apps.quality.tables import bean_model, bean_split


def test_golden_questions_mix_histories_and_missing_measurements() -> None:
    recipe, made = bean_model()
    asked = recipe.golden(bean_split()[1])
    assert len(asked) == 32
    assert {0, 7, 8} <= {len(question.history) for question in asked}
    assert max(len(question.history) for question in asked) > 20
    assert {len(question.measurements) for question in asked} == {2, 3}
    answers = recipe.app.decide(asked, made.predict(recipe.app.features(asked, made.context)), made.context)  # type: ignore[arg-type]
    assert {answer.against for answer in answers} == {"supplier", "all lots"}
    assert len({answer.grade for answer in answers}) == 3


def test_parity_rows_are_enough_even_of_a_small_test_part() -> None:
    held_out = np.full((90, len(FEATURES)), np.nan, dtype=np.float32)
    held_out[:, :2] = np.random.default_rng(1).normal(size=(90, 2))
    held_out[:, HISTORY_COLUMN] = 9
    splits = {0: np.array([0.5], dtype=np.float32), 1: np.arange(400, dtype=np.float32)}
    rows = parity_rows(held_out, splits)
    boundary = 3 * min(BOUNDARIES, 401)
    assert len(rows) == 1080 + boundary + 3 * 3 + len(EXTREMES) + 1
    assert np.isfinite(rows[:1000, 0]).all()
    assert (rows[:, 0] == 0.5).sum() >= 1
    assert (rows[:, 0] == np.nextafter(np.float32(0.5), np.float32(1))).sum() >= 1
    assert np.isnan(rows[-1]).all()
    assert (rows == np.float32(1e30)).any()
    assert not np.isinf(rows).any()
