from __future__ import annotations

import math

import msgspec
import numpy as np
import pytest

from apps.price.app import app
from apps.price.schema import PriceContext, PriceQuestion
from apps.price.train.recipe import PriceRecipe, recipe
from tests.apps.price.tables import fitted, synthetic_split
from tests.training.local import LocalTrainer
from training.errors import DataError
from training.measures.carried import check_carried
from training.recipe import RecipeOptions
from training.tune.trial import TrialTrainer


def test_the_recipe_is_of_the_app_and_forbids_the_days_extremes() -> None:
    assert recipe.app is app
    assert {"MIN", "MAX", "min", "max"} <= set(recipe.forbidden)
    assert not set(recipe.forbidden) & set(app.feature_names)


def test_evaluation_has_both_gated_horizons_and_the_gate_reads_it() -> None:
    made_by, made = fitted()
    report = made_by.evaluate(made, synthetic_split()[1])
    parts = {metric.slice for metric in report.metrics}
    assert {"horizon 1", "horizon 7", "horizon 30", "horizon 7, no reference"} <= parts
    checks = made_by.checks(report)
    assert {check.name for check in checks} >= {"beats persistence, horizon 1", "coverage, horizon 7"}
    assert all(check.measured for check in checks)


def test_a_random_walk_is_refused() -> None:
    """Nothing can beat yesterday's price."""
    table = recipe.generate(seed=3)
    table = table[table["market"].isin(table["market"].unique()[:4])]
    random = np.random.default_rng(0)
    walk = table.groupby("market")["price"].transform(
        lambda series: 2000 * np.exp(np.cumsum(random.normal(0, 0.03, len(series))))
    )
    split = recipe.split(recipe.schema.validate(recipe.tidy(table.assign(price=walk.round(2)), RecipeOptions())))
    checks = recipe.checks(recipe.evaluate(recipe.fit(split, LocalTrainer()), split))
    beaten = {check.name: check.passed for check in checks if check.name.startswith("beats persistence")}
    assert beaten == {"beats persistence, horizon 1": False, "beats persistence, horizon 7": False}


def test_fitting_twice_gives_the_same_model() -> None:
    _, split = synthetic_split()
    first, second = (PriceRecipe().fit(split, LocalTrainer(3)) for _ in range(2))
    assert first.files == second.files
    assert first.context == second.context


def test_golden_questions_get_answers() -> None:
    made_by, made = fitted()
    asked: list[PriceQuestion] = made_by.golden(synthetic_split()[1])
    outputs = made.predict(app.features(asked, made.context))  # type: ignore[arg-type]
    answers = app.decide(asked, outputs, made.context)  # type: ignore[arg-type]
    assert all(math.isfinite(answer.price) and answer.low <= answer.price <= answer.high for answer in answers)
    np.testing.assert_array_equal(made_by.decisions(outputs)["direction"], outputs["log_ratio"])


def test_importance_names_features() -> None:
    _, made = fitted()
    assert set(made.importance) == set(app.feature_names)
    assert max(made.importance.values()) > 0


def test_a_version_knows_the_markets_of_its_training_part() -> None:
    made_by, made = fitted()
    _, split = synthetic_split()
    context: PriceContext = made.context  # type: ignore[assignment]
    assert list(context.markets) == sorted(set(split.train["market"]))
    asked = made_by.golden(split)[:1]
    elsewhere = msgspec.structs.replace(asked[0], market="Nowhere")
    outputs = made.predict(app.features([*asked, elsewhere], context))
    assert [one.market_known for one in app.decide([*asked, elsewhere], outputs, context)] == [True, False]


def test_a_reference_that_is_tomorrows_price_is_refused_by_its_name() -> None:
    table = recipe.generate(seed=3)
    table = table[table["market"].isin(table["market"].unique()[:2])]
    table["reference"] = table.sort_values("date").groupby("market")["price"].shift(-1)
    table["reference"] *= np.exp(np.random.default_rng(0).normal(0, 0.002, len(table)))
    split = recipe.split(recipe.schema.validate(recipe.tidy(table, RecipeOptions())))
    trainer = TrialTrainer(7, 1, {}, lambda percent, loss: None)
    trainer.watch(app.feature_names)
    with pytest.raises(DataError, match="column 'reference' leaks the target.*--allow-column reference"):
        recipe.fit(split, trainer)


def test_a_reference_that_is_tomorrows_price_is_named() -> None:
    """With an error of 3 %, its correlation with the answer is not suspicious; what it carries is."""
    table = recipe.generate(seed=3)
    table = recipe.tidy(table[table["market"].isin(table["market"].unique()[:4])], RecipeOptions())
    tomorrow = table.groupby(["commodity", "market"])["price"].shift(-1)
    leak = tomorrow * np.exp(np.random.default_rng(1).normal(0, 0.03, len(table)))
    split = recipe.split(recipe.schema.validate(table.assign(reference=leak)))
    check = check_carried(recipe, recipe.fit(split, LocalTrainer(60)), split)
    assert not check.passed
    assert check.reason.startswith("column 'reference' is behind an implausibly good score (error 0.")
    assert check.reason.endswith("--allow-column reference")


def test_an_honest_reference_passes() -> None:
    made_by, made = fitted()
    check = check_carried(made_by, made, synthetic_split()[1])
    assert check.passed and "expected of the past of price: the next price follows" in check.measured
