"""What single columns carry: leaks that no column shows before the fit, and honest sets that pass."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from apps.quality.train.recipe import QualityRecipe
from serving.kernel.storage.version_manifest import Check
from tests.apps.quality.tables import beans
from tests.training.local import LocalTrainer
from tests.training.toy import Context, Toy
from training.data.leaks import refuse_leaks
from training.errors import DataError
from training.measures.carried import _skill, check_carried
from training.recipe import Evaluation, Fitted, RecipeOptions, Split

Floats = npt.NDArray[Any]


def judged(table: pd.DataFrame, allowed: tuple[str, ...] = ()) -> Check | str:
    """The verdict on graded lots: a check, or the refusal before the fit."""
    recipe = QualityRecipe()
    made = recipe.tidy(table, RecipeOptions())
    try:
        refuse_leaks(recipe, made, allowed)
    except DataError as refusal:
        return str(refusal)
    split = recipe.split(recipe.schema.validate(made))
    return check_carried(recipe, recipe.fit(split, LocalTrainer()), split, allowed)


@pytest.mark.parametrize("rows", [300, 569])
def test_honest_lots_with_a_shuffled_number_pass(rows: int) -> None:
    table, random = beans(rows, 4), np.random.default_rng(4)
    table["Texture"] = random.permutation(rows) + random.normal(0, 3, rows)
    found = judged(table)
    assert isinstance(found, Check) and found.passed, found


def test_the_only_measurement_that_says_anything_is_named_and_may_be_kept() -> None:
    table = beans(900)
    random = np.random.default_rng(2)
    table["Roundness"], table["Extent"] = random.normal(size=(2, len(table)))
    found = judged(table)
    assert isinstance(found, Check) and not found.passed
    assert found.reason.startswith("column 'Area' carries the prediction: ")
    assert found.reason.endswith("remove it from the data, or keep it with --allow-column Area")
    kept = judged(table, ("Area",))
    assert isinstance(kept, Check) and kept.passed
    assert "is lost without Area (allowed)" in kept.measured


def a_curve(rows: Floats) -> Floats:
    return 2 * rows[:, 0] + np.sin(3 * np.nan_to_num(rows[:, 1]))


def only_a(rows: Floats) -> Floats:
    return 2 * rows[:, 0]


def verdict_on(
    rule: Callable[[Floats], Floats],
    noise: float,
    recipe: Toy | None = None,
    allowed: tuple[str, ...] = (),
    answer: Callable[[Floats], Floats] | None = None,
) -> Check:
    """The verdict on a version that knows the rule by which the target was made, or answers by another one."""
    recipe = recipe or Toy()
    made = recipe.tidy(recipe.generate(1), RecipeOptions())
    inputs = made[["a", "b"]].to_numpy()
    made["y"] = rule(inputs) + noise * np.random.default_rng(1).normal(size=len(made))
    fitted = Fitted(
        predict=lambda arrays: {"y": (answer or rule)(arrays["features"]).reshape(-1, 1)},
        context=Context(),
        files={},
        params={},
    )
    return check_carried(recipe, fitted, recipe.split(made), allowed)


def test_a_score_that_is_implausibly_good_names_the_column_that_costs_most() -> None:
    found = verdict_on(a_curve, noise=0.001)
    assert not found.passed
    assert found.reason.startswith("column 'a' is behind an implausibly good score (error 0.00")
    assert "--allow-column a" in found.reason
    kept = verdict_on(a_curve, noise=0.001, allowed=("a",))
    assert kept.passed and "is lost without a (allowed)" in kept.measured
    kept = verdict_on(a_curve, noise=0.001, allowed=("b",))
    assert kept.passed and "is lost without b (allowed)" in kept.measured, "it explains the score as well"


def test_an_honest_score_of_two_columns_passes() -> None:
    found = verdict_on(a_curve, noise=0.3)
    assert found.passed and "% of the skill is lost without a" in found.measured


def test_one_column_that_carries_everything_is_refused_unless_the_recipe_expects_it() -> None:
    found = verdict_on(only_a, noise=0.5)
    assert not found.passed and "column 'a' carries the prediction: " in found.reason

    class Expecting(Toy):
        carriers: ClassVar = {"a": "it is the thrust"}

    kept = verdict_on(only_a, noise=0.5, recipe=Expecting())
    assert kept.passed and "is lost without a (expected: it is the thrust)" in kept.measured
    assert not verdict_on(only_a, noise=0.001, recipe=Expecting()).passed

    class Continuing(Toy):
        carriers: ClassVar = {"y": "the next value follows the last"}

    kept = verdict_on(only_a, noise=0.5, recipe=Continuing())
    assert kept.passed and kept.measured.endswith("expected of the past of y: the next value follows the last")


def test_the_only_column_of_a_table_has_to_carry_everything() -> None:
    class Narrow(Toy):
        def inputs(self, test: pd.DataFrame) -> tuple[str, ...]:
            return ("a",)

    assert verdict_on(only_a, noise=0.5, recipe=Narrow()).passed
    assert not verdict_on(only_a, noise=0.001, recipe=Narrow()).passed


def test_a_column_that_decides_which_rows_are_judged_is_not_measured() -> None:
    class Choosy(Toy):
        def judged(self, fitted: Fitted, split: Split) -> Evaluation:
            whole = self.tidy(self.generate(1), RecipeOptions())
            if not split.test["a"].equals(whole["a"].loc[split.test.index]):
                raise DataError("no row of this site is left")
            return super().judged(fitted, split)

    found = verdict_on(a_curve, noise=0.3, recipe=Choosy())
    assert found.passed and " lost without b" in found.measured


def test_answers_of_one_class_only_have_no_skill_to_measure() -> None:
    rows = pd.DataFrame({"actual": ["a"] * 5, "predicted": ["a"] * 5})
    found = Evaluation(metrics=(), rows=rows, kind="classes")
    assert np.isnan(_skill(found, found, np.ones(5, dtype=np.bool_))[0])


def test_noise_has_no_skill_to_carry() -> None:
    found = verdict_on(a_curve, noise=0.3, answer=lambda rows: 0 * rows[:, 0])
    assert found.passed and found.measured == "not measured: no column to shuffle, or too little skill"


def test_a_recipe_that_cannot_judge_rows_is_not_measured() -> None:
    class Bare(Toy):
        def judged(self, fitted: Fitted, split: Split) -> Evaluation:
            raise DataError("a published version cannot be judged on a file")

    assert verdict_on(only_a, noise=0.001, recipe=Bare()).passed
