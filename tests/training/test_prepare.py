from __future__ import annotations

import io
from pathlib import Path

import pandas as pd
import pytest
from rich.console import Console

from tests.apps.demand.tables import daily
from tests.apps.price.tables import plain as markets
from tests.apps.vendor.tables import scms
from tests.training import toy
from training import find_recipe
from training.data.read import ROW
from training.errors import DataError
from training.prepare import Prepared, prepare, unused_columns
from training.progress import RichProgress
from training.recipe import RecipeOptions


def prepared(recipe: toy.Toy, *paths: Path, **select: str) -> tuple[Prepared, str]:
    out = io.StringIO()
    progress = RichProgress(Console(file=out, width=200))
    return prepare(recipe, paths, "", "", RecipeOptions(select=select), progress), out.getvalue()


def test_what_is_not_used_is_named_while_the_data_is_loaded(tmp_path: Path) -> None:
    class Narrow(toy.Toy):
        def tidy(self, raw: pd.DataFrame, options: RecipeOptions) -> pd.DataFrame:
            return super().tidy(raw[["day", "a", "b", "y"]], options)

    raw = toy.Toy().generate(3).assign(colour="red", shop=5)
    raw.to_csv(tmp_path / "wide.csv", index=False)
    made, shown = prepared(Narrow(), tmp_path / "wide.csv")
    assert made.notes == ("not used of wide.csv: colour, shop",)
    assert "not used of wide.csv: colour, shop" in shown
    assert prepared(Narrow())[0].notes == ()


def test_a_table_with_another_unit_is_prepared_with_a_warning(tmp_path: Path) -> None:
    raw = toy.Toy().generate(3)
    raw["b"] = raw["b"].abs() + 1
    raw.loc[1200:, "b"] *= 1000
    raw.to_csv(tmp_path / "units.csv", index=False)
    made, shown = prepared(toy.Toy(), tmp_path / "units.csv")
    (note,) = made.notes
    assert "column 'b'" in note and "1,000 times larger" in note and "units.csv, row 1202" in note
    assert note in shown


def test_the_option_for_ambiguous_cells_is_named_with_them(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text("market,date,price,commodity\na,03/04/2019,5,onion\n")
    with pytest.raises(DataError, match=r"p\.csv, row 2, column 'date'.*--dates day-first or --dates month-first"):
        prepared(find_recipe.find("price"), tmp_path / "p.csv")


RAW = {
    "price": (markets().assign(grade="FAQ", min_price=1.0), ["grade", "min_price"]),
    "vendor": (scms(), ["ID", "Freight Cost (USD)", "Line Item Insurance (USD)"]),
    "demand": (daily().assign(weather=1), ["weather"]),
}


@pytest.mark.parametrize("app", RAW)
def test_each_app_says_what_it_does_not_use(app: str) -> None:
    raw, names = RAW[app]
    assert unused_columns(find_recipe.find(app).tidy(raw, RecipeOptions()), raw) == names


@pytest.mark.parametrize("app", find_recipe.names())
def test_no_app_leaves_out_a_column_of_its_own_data(app: str) -> None:
    recipe = find_recipe.find(app)
    raw = recipe.generate(7)
    assert unused_columns(recipe.tidy(raw, RecipeOptions()), raw) == []


NOTATIONS = {
    "semicolons and decimal commas": (";", "%d.%m.%Y", lambda value: f"{value:.1f}".replace(".", ",")),
    "lakhs": (
        ",",
        "%d/%m/%Y",
        lambda value: f'"{int(value) // 100000},{int(value) // 1000 % 100:02d},{value % 1000:05.1f}"',
    ),
    "a time zone": ("\t", "%Y-%m-%dT00:00:00+05:30", lambda value: f"{value:.1f}"),
    "months first": ("|", "%m/%d/%Y", lambda value: f"{value:,.1f}"),
}


@pytest.mark.parametrize("name", NOTATIONS)
def test_one_table_in_several_notations_is_one_tidy_table(tmp_path: Path, name: str) -> None:
    recipe = find_recipe.find("price")
    raw = markets(days=320).assign(price=lambda frame: frame["price"] + 150_000.5)[
        ["market", "date", "price", "commodity"]
    ]
    mark, style, written = NOTATIONS[name]
    rows = [(one.market, one.date.strftime(style), written(one.price), one.commodity) for one in raw.itertuples()]
    lines = [mark.join(row) for row in [tuple(raw.columns), *rows]]
    (tmp_path / "p.csv").write_text("\n".join(lines) + "\n")
    made, _ = prepared(recipe, tmp_path / "p.csv")
    pd.testing.assert_frame_equal(made.tidy, recipe.tidy(raw.rename_axis(index=ROW), RecipeOptions()))
    assert any("date" in note for note in made.notes)
