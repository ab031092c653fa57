from __future__ import annotations

import msgspec
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.price.schema import PriceContext
from apps.price.serve.columns import FEATURES, WINDOW
from apps.price.serve.features import encode
from apps.price.serve.windows import ARRIVALS, BEYOND, DAYS, PRICES, REFERENCES
from apps.price.train.data import tidy
from apps.price.train.golden import question_at
from apps.price.train.windows import HORIZONS, examples, hide_some, longest_gap
from tests.apps.price.tables import plain, synthetic_split
from tests.apps.price.windows import full_windows
from training.errors import DataError
from training.recipe import RecipeOptions

CONTEXT = PriceContext(commodities=("onion",), groups=("reference", "location", "indicators"))


def test_training_and_serving_make_the_same_features_to_the_last_bit() -> None:
    frame, _ = synthetic_split()
    rows = examples(frame, horizons=(1, 7, 30))
    positions = {(row.market, row.date.toordinal()): place for place, row in enumerate(frame.itertuples())}
    for pick in np.random.default_rng(0).integers(0, len(rows.features), 150):
        row = rows.table.iloc[pick]
        asked = question_at(
            frame, positions[row["market"], row["day"]], horizon=int(row["horizon"]), length=WINDOW
        )
        served = encode([asked], CONTEXT)["features"][0]
        assert served.tobytes() == rows.features[pick].tobytes()


@given(st.integers(5, 35))
@settings(max_examples=20, deadline=None)
def test_later_days_never_change_a_row(known: int) -> None:
    frame = tidy(plain(markets=3, days=40), RecipeOptions())
    day = frame["date"].min() + pd.Timedelta(days=known)
    early = examples(frame[frame["date"] <= day], horizons=(1, 3))
    late = examples(frame, horizons=(1, 3))
    kept = (late.table["target_day"] <= day.toordinal()).to_numpy()
    np.testing.assert_array_equal(early.features, late.features[kept])
    assert early.table["actual"].tolist() == late.table["actual"][kept].tolist()


def test_the_target_is_that_many_trading_days_ahead() -> None:
    frame = tidy(plain(markets=1, days=40), RecipeOptions())
    rows = examples(frame, horizons=(7,))
    prices = frame["price"].to_numpy()
    np.testing.assert_array_equal(rows.table["last"], prices[:-7])
    np.testing.assert_array_equal(rows.table["actual"], prices[7:])
    np.testing.assert_allclose(rows.target, np.log(prices[7:] / prices[:-7]), rtol=1e-6)
    assert (rows.features[:, FEATURES.index("horizon")] == 7).all()


def test_a_target_beyond_a_long_closure_is_no_target() -> None:
    frame = tidy(plain(markets=1, days=40), RecipeOptions())
    shut = frame["date"].between("2019-01-15", "2019-02-01")
    rows = examples(frame[~shut], horizons=(1, 7))
    gaps = rows.table["target_day"] - rows.table["day"]
    assert (gaps <= rows.table["horizon"].map(longest_gap)).all()
    assert pd.Timestamp("2019-01-14").toordinal() not in rows.table[rows.table["horizon"] == 1]["day"].to_numpy()
    assert longest_gap(1) == 13


def test_windows_of_a_part_reach_back_before_it() -> None:
    frame = tidy(plain(markets=1, days=120), RecipeOptions())
    since = pd.Timestamp("2019-04-15")
    part = examples(frame, since=since, horizons=(1,))
    assert part.table["day"].min() == since.toordinal()
    assert part.features[0, FEATURES.index("observations")] == WINDOW
    assert part.table["history"].iloc[0] == 105


def test_no_target_of_a_part_lies_in_a_later_one() -> None:
    _, split = synthetic_split()
    until = pd.concat([split.train, split.validation])
    train = examples(split.train).table
    validation = examples(until, since=split.validation["date"].min()).table
    assert train["target_day"].max() < split.validation["date"].min().toordinal() <= validation["day"].min()
    assert validation["target_day"].max() < split.test["date"].min().toordinal()
    assert set(train["horizon"]) == set(HORIZONS)


def test_hiding_blanks_about_a_tenth_and_never_the_last_price() -> None:
    windows = full_windows(4000)
    hide_some(windows, np.random.default_rng(1))
    missing = np.isnan(windows.series[:, :, :WINDOW])
    assert not missing[[DAYS, PRICES], :, 0].any()
    for array in (windows.series[REFERENCES], windows.series[ARRIVALS], windows.optional):
        assert 0.07 < np.isnan(array).all(axis=1).mean() < 0.13
    assert 0.07 < missing[PRICES].any(axis=1).mean() < 0.13
    for row in (DAYS, REFERENCES, ARRIVALS):
        assert missing[row][missing[PRICES]].all()
    assert np.isnan(windows.series[:, :, BEYOND]).all()


def test_the_same_seed_hides_the_same() -> None:
    frame = tidy(plain(markets=3), RecipeOptions())
    first, second = (examples(frame, hide=np.random.default_rng(5)).features for _ in range(2))
    assert first.tobytes() == second.tobytes()


def test_without_a_reference_its_columns_are_missing() -> None:
    frame = tidy(plain(markets=3), RecipeOptions())
    columns = [at for at, name in enumerate(FEATURES) if name.startswith(("reference", "premium"))]
    assert not np.isnan(examples(frame).features[:, columns[0]]).any()
    assert np.isnan(examples(frame, reference=False).features[:, columns]).all()


def test_a_table_without_a_target_is_refused() -> None:
    with pytest.raises(DataError, match="no window has a target"):
        examples(tidy(plain(days=5), RecipeOptions()), horizons=(7,))


def test_a_question_taken_from_a_table_holds_its_optional_groups() -> None:
    frame, _ = synthetic_split()
    asked = question_at(frame, 200, horizon=3, length=5, arrivals=False, reference=False)
    assert asked.location is not None and asked.location.state is not None
    assert asked.indicators is not None and asked.quality is None
    assert all(seen.arrival is None and seen.reference is None for seen in asked.history)
    assert len(asked.history) == 5
    assert msgspec.json.decode(msgspec.json.encode(asked), type=type(asked)) == asked
