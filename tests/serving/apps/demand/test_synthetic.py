from __future__ import annotations

import pandas as pd

from serving.apps.demand.recipe import recipe
from serving.apps.demand.schema import EXAMPLE
from serving.apps.demand.synthetic import COMMODITIES, generate
from training.contract import Options


def test_the_same_seed_gives_the_same_table() -> None:
    pd.testing.assert_frame_equal(generate(7), generate(7))
    assert not generate(7).equals(generate(8))


def test_the_table_is_tidy_and_has_the_examples_series() -> None:
    frame = recipe.schema.validate(recipe.tidy(generate(7), Options()))
    assert set(frame["series"]) == set(COMMODITIES)
    assert EXAMPLE.series in COMMODITIES
    assert frame["demand"].min() > 0
    # Some days are missing, as in real tables.
    assert len(frame) < len(COMMODITIES) * frame["date"].nunique()
