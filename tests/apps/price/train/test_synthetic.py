from __future__ import annotations

import pandas as pd

from apps.price.train.data import FORBIDDEN, SCHEMA, groups_of, tidy
from apps.price.train.synthetic import MARKETS, generate
from training.recipe import RecipeOptions


def test_the_same_seed_gives_the_same_table() -> None:
    pd.testing.assert_frame_equal(generate(7), generate(7))
    assert not generate(7).equals(generate(8))


def test_it_has_what_real_tables_have() -> None:
    raw = generate(7)
    assert 14_000 < len(raw) < 22_000
    assert raw["market"].nunique() == len(MARKETS)
    assert raw["price"].isna().sum() > 50
    assert raw.duplicated(["market", "date"]).sum() > 20
    gaps = raw.groupby("market")["date"].diff().dt.days
    assert gaps.max() > 7
    assert not set(raw.columns) & set(FORBIDDEN)


def test_it_is_tidied_and_valid() -> None:
    frame = SCHEMA.validate(tidy(generate(7), RecipeOptions()), lazy=True)
    assert groups_of(frame) == ("reference", "location", "indicators")
    assert 300 < frame["price"].min() and frame["price"].max() < 20_000
