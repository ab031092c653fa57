from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from apps.price.train.recipe import recipe as price
from tests.apps.price.tables import plain
from tests.training import toy
from training.data.read import ROW
from training.data.suspicions import suspicions
from training.recipe import Dataset, RecipeOptions, RowOrigin


def table(**columns: object) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"a": rng.lognormal(2, 0.6, 600), "b": rng.uniform(3, 90, 600)}).assign(**columns)
    return frame.rename_axis(index=ROW)


def dataset(frame: pd.DataFrame) -> Dataset:
    return Dataset(frame=frame, source="t.csv", sha256="", origins=(RowOrigin("t.csv", len(frame)),))


class Plain(toy.Toy):
    time_column = None
    target = "b"


def test_a_plain_table_has_none() -> None:
    frame = table(code=np.resize([1, 1000], 600), wide=np.random.default_rng(2).lognormal(0, 3, 600))
    assert suspicions(Plain(), frame, dataset(frame)) == []


@pytest.mark.parametrize(("factor", "word"), [(1000, "1,000"), (100, "100"), (1e6, "1,000,000")])
@pytest.mark.parametrize("column", ["a", "b"])
def test_rows_of_another_unit_are_named_with_their_column(column: str, factor: float, word: str) -> None:
    frame = table()
    frame.loc[300:, column] *= factor
    (text,) = suspicions(Plain(), frame, dataset(frame))
    assert text.startswith(f"column '{column}': 300 of 600 values are about {word} times larger than the others")
    assert "first in t.csv, row 302, t.csv, row 303" in text


def test_a_few_rows_of_another_unit_are_found_anywhere() -> None:
    frame = table()
    frame.loc[::20, "a"] *= 1000
    (text,) = suspicions(Plain(), frame, dataset(frame))
    assert "column 'a': 30 of 600" in text and "t.csv, row 2, t.csv, row 22, t.csv, row 42" in text


def prices(days: int = 400) -> pd.DataFrame:
    """Markets of levels a hundred times apart, so that a level alone is not suspicious."""
    raw = plain(markets=4, days=days)
    level = raw["market"].map({"m0": 0.05, "m1": 0.2, "m2": 1.0, "m3": 5.0})
    return raw.assign(price=raw["price"] * level)


def tidied(raw: pd.DataFrame) -> tuple[pd.DataFrame, Dataset]:
    raw = raw.rename_axis(index=ROW)
    return price.schema.validate(price.tidy(raw, RecipeOptions())), dataset(raw)


def test_markets_of_other_levels_are_no_suspicion() -> None:
    assert suspicions(price, *tidied(prices())) == []


@pytest.mark.parametrize("last", [30, 200])
def test_later_prices_on_another_level_are_named(last: int) -> None:
    raw = prices()
    day = raw["date"].max() - pd.Timedelta(days=last - 1)
    raw.loc[raw["date"] >= day, "price"] /= 100
    found = suspicions(price, *tidied(raw))
    assert len([text for text in found if "column 'price'" in text]) == 1
    text = next(text for text in found if "column 'price'" in text)
    assert f"of onion m0 and 3 more series: from {day:%Y-%m-%d} on, {last} values are about" in text
    assert "times smaller than before, first in t.csv, row" in text


def test_a_last_day_with_few_rows_is_named() -> None:
    raw = plain(markets=8, days=60)
    assert suspicions(price, *tidied(raw)) == []
    cut = raw[(raw["date"] < raw["date"].max()) | (raw["market"] == "m3")]
    (text,) = suspicions(price, *tidied(cut))
    assert text.startswith("column 'date': the last day, 2019-03-01, has 1 row, the days before 8")
    # Where a row of the file is asked about on several days, as a shipment is, the last days always have few.
    made, source = tidied(cut)
    assert suspicions(price, pd.concat([made, made]), source) == []


def test_commodities_of_other_prices_are_no_other_unit_and_mixed_units_are() -> None:
    raw = prices(300).assign(commodity=lambda frame: frame["market"].map(lambda name: f"c{name}"))
    raw["price"] /= 100
    raw.loc[raw["market"] == "m3", "price"] *= 100
    assert suspicions(price, *tidied(raw)) == []
    mixed = raw.copy()
    mixed.loc[::2, "price"] *= 1000
    texts = [text for text in suspicions(price, *tidied(mixed)) if "column 'price'" in text]
    assert texts and "600 of 1200 values are about 1,000 times larger" in texts[0]


def test_markets_of_another_unit_are_named() -> None:
    raw = plain(markets=4, days=300)
    raw.loc[raw["market"].isin(["m2", "m3"]), "price"] *= 100
    texts = [text for text in suspicions(price, *tidied(raw)) if "column 'price'" in text]
    assert texts and "600 of 1200 values are about 100 times larger" in texts[0]
