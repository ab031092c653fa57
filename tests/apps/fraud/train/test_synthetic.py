from __future__ import annotations

import pandas as pd

from apps.fraud.schema import EXAMPLE
from apps.fraud.train.data import LABEL, SCHEMA, cut, tidy
from apps.fraud.train.synthetic import FRAUDS, REPEATED, ROWS, generate
from training.recipe import RecipeOptions


def test_the_same_seed_gives_the_same_table() -> None:
    pd.testing.assert_frame_equal(generate(7), generate(7))
    assert not generate(7).equals(generate(8))


def test_it_has_what_real_tables_have() -> None:
    raw = generate(7)
    assert len(raw) == ROWS + REPEATED
    assert raw.duplicated().sum() >= REPEATED / 2
    assert FRAUDS <= raw["label"].sum() <= FRAUDS + REPEATED
    assert 0 < raw.isna().mean().max() < 0.05
    assert set(raw.columns) == {*EXAMPLE.features, "label"}


def test_it_is_tidied_split_and_valid() -> None:
    frame = SCHEMA.validate(tidy(generate(7), RecipeOptions()), lazy=True)
    parts = cut(frame)
    assert parts.test[LABEL].sum() == frame[LABEL].sum()
