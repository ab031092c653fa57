from __future__ import annotations

import pandas as pd

from apps.demand.schema import EXAMPLE
from apps.demand.train.recipe import recipe
from apps.demand.train.synthetic import COMMODITIES, generate
from training.recipe import RecipeOptions


def test_the_same_seed_gives_the_same_table() -> None:
    pd.testing.assert_frame_equal(generate(7), generate(7))
    assert not generate(7).equals(generate(8))


def test_the_table_is_tidy_and_has_the_examples_series() -> None:
    frame = recipe.schema.validate(recipe.tidy(generate(7), RecipeOptions()))
    assert set(frame["series"]) == set(COMMODITIES)
    assert EXAMPLE.series in COMMODITIES
    assert frame["demand"].min() > 0
    # Some days are missing, as in real tables.
    assert len(frame) < len(COMMODITIES) * frame["date"].nunique()
