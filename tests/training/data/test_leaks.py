"""Columns that give the target away are refused by name, unless they are allowed by name."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from apps.fraud.train.recipe import recipe as fraud
from apps.quality.train.recipe import recipe as quality
from serving.kernel.find_app import find_apps
from tests.apps.fraud.tables import wild_copies
from tests.apps.quality.tables import beans
from tests.training.toy import Toy
from training import find_recipe
from training.data.leaks import refuse_leaks, suspects
from training.errors import DataError
from training.measures.gate import check_suspects
from training.recipe import Recipe, RecipeOptions


def tidy(recipe: Recipe[object], raw: pd.DataFrame) -> pd.DataFrame:
    return recipe.tidy(raw, RecipeOptions())


RANDOM = np.random.default_rng(3)


def days_of_one_class(code: np.ndarray, rows: int = 20) -> np.ndarray:
    """Each class was graded on days of its own, in any order; about one row in 200 is on a wrong day."""
    place = pd.Series(code).groupby(code).cumcount().to_numpy() // rows
    days = np.unique(np.column_stack([code, place]), axis=0, return_inverse=True)[1].reshape(-1)
    found = 20_210_000 + RANDOM.permutation(days.max() + 1)[days]
    wrong = RANDOM.random(len(code)) < 0.005
    found[wrong] = RANDOM.choice(found, wrong.sum())
    return found


TRAPS: dict[str, Callable[[pd.DataFrame, np.ndarray], np.ndarray]] = {
    "a number in class order": lambda table, code: np.arange(len(table)),
    "three lots a number": lambda table, code: np.arange(len(table)) // 3,
    "a number with noise": lambda table, code: np.arange(len(table)) + RANDOM.normal(0, 5, len(table)),
    "a shuffled number": lambda table, code: RANDOM.permutation(len(table)),
    "a shuffled number with gaps": lambda table, code: RANDOM.choice(9 * len(table), len(table), replace=False),
    "the label times 7": lambda table, code: 7 * code + RANDOM.normal(size=len(table)),
    "another code of the label": lambda table, code: 2 * code + 1,
    "days of one class": lambda table, code: days_of_one_class(code),
}


@pytest.mark.parametrize("trap", TRAPS)
@pytest.mark.parametrize("mixed", [False, True])
def test_leaks_of_graded_lots_are_refused_by_name(trap: str, mixed: bool) -> None:
    table = beans(1200)
    codes = pd.factorize(table["Class"])[0]
    table["Texture"] = TRAPS[trap](table, codes)
    if mixed:
        table = table.sample(frac=1, random_state=3).reset_index(drop=True)
    made = tidy(quality, table)
    with pytest.raises(DataError, match="column 'Texture' .*--allow-column Texture"):
        refuse_leaks(quality, made)
    refuse_leaks(quality, made, allowed=("Texture",))


@pytest.mark.parametrize("rows", [300, 569])
@pytest.mark.parametrize("noise", [0.5, 2, 5, 8])
def test_a_number_in_class_order_with_noise_is_refused_in_a_small_set(rows: int, noise: float) -> None:
    for seed in range(3):
        table = beans(rows, seed)
        table["Texture"] = np.arange(rows) + np.random.default_rng([seed, rows]).normal(0, noise, rows)
        for order in (table, table.sample(frac=1, random_state=seed)):
            with pytest.raises(DataError, match="column 'Texture' .*--allow-column Texture"):
                refuse_leaks(quality, tidy(quality, order.reset_index(drop=True)))


@pytest.mark.parametrize("rows", [300, 569])
def test_honest_small_sets_are_not_suspected(rows: int) -> None:
    """Nor is a shuffled number with noise, which says nothing."""
    for seed in range(20):
        table, random = beans(rows, seed), np.random.default_rng(seed)
        table["Texture"] = random.permutation(rows) + random.normal(0, 3, rows)
        assert list(suspects(quality, tidy(quality, table))) == []


@pytest.mark.parametrize("trap", TRAPS)
def test_leaks_of_labelled_records_are_refused_by_name(trap: str) -> None:
    table = wild_copies(6000).sort_values("label").reset_index(drop=True)
    table["entry"] = TRAPS[trap](table, table["label"].to_numpy())
    made = tidy(fraud, table.sample(frac=1, random_state=3).reset_index(drop=True))
    with pytest.raises(DataError, match="column 'entry' .*--allow-column entry"):
        refuse_leaks(fraud, made)
    refuse_leaks(fraud, made, allowed=("entry",))


def test_a_column_that_says_much_is_no_leak() -> None:
    """In the set `http`, too, one column alone finds nearly all attacks (macro-F1 0.964)."""
    table = wild_copies(6000)
    table["bytes"] = np.where(table["label"] == 1, 4.0, 0.0) + RANDOM.normal(size=len(table))
    assert list(suspects(fraud, tidy(fraud, table))) == []


def test_a_rule_of_two_columns_is_no_leak() -> None:
    table = wild_copies(4000)
    table["label"] = (table["column_0"] + table["column_1"] > 2.2).astype(int)
    assert list(suspects(fraud, tidy(fraud, table))) == []


def test_another_form_of_a_quantity_is_refused() -> None:
    made = tidy(Toy(), Toy().generate(1))
    assert list(suspects(Toy(), made)) == []
    with pytest.raises(DataError, match="column 'c' alone gives 'y' away"):
        refuse_leaks(Toy(), made.assign(c=np.exp(made["y"])))


def test_two_columns_that_leak_together_are_refused_by_both_names() -> None:
    table = beans(600, grades=4)
    code = pd.factorize(table["Class"])[0]
    wrong = RANDOM.random((2, len(code))) < 0.01
    table["Gloss"], table["Texture"] = code % 2 ^ wrong[0], code // 2 ^ wrong[1]
    made = tidy(quality, table)
    for allowed in ((), ("Gloss",)):
        with pytest.raises(DataError) as refusal:
            refuse_leaks(quality, made, allowed)
        assert "columns 'Gloss' and 'Texture' together predict 'grade' implausibly well" in str(refusal.value)
        assert str(refusal.value).endswith("or keep them with --allow-column Gloss --allow-column Texture")

    check = check_suspects(quality, made, ("Texture", "Gloss"))
    assert check.passed and check.measured == "Texture (allowed), Gloss (allowed)"


def test_two_parts_of_a_quantity_are_refused_by_both_names() -> None:
    made = tidy(Toy(), Toy().generate(1))
    part = RANDOM.normal(size=len(made))
    with pytest.raises(
        DataError, match="columns 'c' and 'd' give 'y' away: it is their weighted sum; .*-column d"
    ):
        refuse_leaks(Toy(), made.assign(c=part, d=made["y"] - part))


def test_a_column_that_does_not_exist_cannot_be_allowed() -> None:
    made = tidy(Toy(), Toy().generate(1))
    with pytest.raises(DataError, match="--allow-column d: there is no such column; the table has: day, a, b, y"):
        refuse_leaks(Toy(), made, allowed=("d",))


def test_what_a_recipe_forbids_and_copies_cannot_be_allowed() -> None:
    made = tidy(Toy(), Toy().generate(1))
    for name in ("y_tomorrow", "copy"):
        with pytest.raises(DataError, match=f"'{name}' leaks the target"):
            refuse_leaks(Toy(), made.assign(**{name: made["y"]}), allowed=(name,))


@pytest.mark.parametrize("app", sorted(app.name for app in find_apps()))
def test_no_app_suspects_its_own_data(app: str) -> None:
    recipe = find_recipe.find(app)
    assert list(suspects(recipe, tidy(recipe, recipe.generate(7)))) == []
