from __future__ import annotations

import numpy as np

from apps.fraud.schema import MAX_FEATURES
from apps.fraud.serve.features import encode
from apps.fraud.train.data import LABEL, tidy
from apps.fraud.train.golden import GOLDEN_ROWS, HELD_OUT_ROWS, golden, parity_rows
from tests.apps.fraud.tables import CONTEXT, model, raw
from training.recipe import RecipeOptions

TEST = tidy(raw(), RecipeOptions())


def test_golden_questions_are_records_of_both_kinds() -> None:
    questions = golden(TEST)
    assert len(questions) == GOLDEN_ROWS
    assert np.isfinite(encode(questions, CONTEXT)["features"][:, :3]).any(axis=1).all()
    assert any(None in question.features.values() for question in questions)
    odd = {tuple(row) for row in TEST[TEST[LABEL] == 1].drop(columns=LABEL).to_numpy()}
    assert sum(tuple(question.features.values()) in odd for question in questions) >= GOLDEN_ROWS / 4


def test_parity_rows_begin_with_held_out_ones_and_end_with_extremes() -> None:
    rows = parity_rows(model(), TEST)
    assert rows.shape[1] == MAX_FEATURES
    assert np.isfinite(rows[:HELD_OUT_ROWS, :3]).all()
    assert np.isnan(rows[-1]).all()
    assert np.nanmax(rows) > 1e38
    assert np.isnan(rows[:, :3]).any(axis=1).sum() > 50
