from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from apps.matching.app import app
from apps.matching.train.recipe import recipe
from tests.apps.matching.pairs import fitted, synthetic_split
from tests.real import judged, table
from training.data import read
from training.data.leaks import refuse_leaks
from training.data.validate import validate
from training.errors import DataError
from training.measures.carried import check_carried
from training.recipe import RecipeOptions

FLOORS = {"amazon_google": {"f1": 0.658, "hit_at_1": 0.819}, "abt_buy": {"f1": 0.809, "hit_at_1": 0.927}}
"""F1 of a random forest on similarities, and hit@1 of letter TF-IDF, as measured without tuning."""


def test_the_recipe_is_of_the_app_and_forbids_row_numbers() -> None:
    assert recipe.app is app
    raw = recipe.generate(3)
    dataset = read.from_generator(raw, "matching")
    tidy = recipe.tidy(dataset.frame, RecipeOptions())
    assert len(validate(recipe, tidy, dataset)) == len(tidy)
    with pytest.raises(DataError, match="leaks the target"):
        validate(recipe, tidy.assign(left_id=range(len(tidy))), dataset)


def test_decisions_are_the_margin_to_the_threshold_of_the_version() -> None:
    made, split = synthetic_split()
    inputs = made.parity_inputs(fitted(), split)
    outputs = fitted().predict(inputs)
    margin = made.decisions(outputs)["accepted"]
    threshold = fitted().context.threshold  # type: ignore[attr-defined]
    np.testing.assert_allclose(margin, outputs["score"] - threshold)
    assert (margin > 0).any() and (margin < 0).any()


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(FLOORS))
def test_real_pairs_beat_the_floor_and_pass_the_gate(real_data: Path, name: str) -> None:
    paths = [real_data / "matching" / name / f"{part}.txt" for part in ("train", "valid", "test")]
    made = judged(recipe, table(recipe, read.from_files(paths, recipe.columns, recipe.file_column)))
    found = {metric.name: metric for metric in made.report.metrics}
    for metric, floor in FLOORS[name].items():
        assert found[metric].value > floor
    assert found["hit_at_1"].value >= (found["hit_at_1"].baseline or 1)
    assert all(check.passed for check in made.checks)


def test_a_word_that_would_join_the_description_and_tells_the_label_is_refused_by_its_column() -> None:
    raw = recipe.generate(3)
    raw["availability_status"] = np.where(raw["label"] == 1, "reserved", "free")
    with pytest.raises(DataError, match="column 'availability_status' alone predicts 'label' .*--allow-column"):
        recipe.tidy(raw, RecipeOptions())
    allowed = ("availability_status",)
    kept = recipe.tidy(raw, RecipeOptions(allowed=allowed))
    refuse_leaks(recipe, kept, allowed)
    assert kept["availability_description"].str.endswith(("reserved", "free")).all()
    raw["availability_status"] = np.random.default_rng(1).permutation(raw["availability_status"])
    assert kept.attrs["notes"] == recipe.tidy(raw, RecipeOptions()).attrs["notes"]


def told(kind: str, label: np.ndarray, random: np.random.Generator) -> tuple[str, np.ndarray]:
    """A column of one side that tells the label, wrongly in 2 % of the rows."""
    known = np.where(random.random(len(label)) < 0.02, 1 - label, label)
    match kind:
        case "status":
            return "availability_status", np.where(known == 1, "reserved", "free")
        case "remark":
            words = np.array(["fresh", "bulk", "dry", "packed"])[random.integers(0, 4, (len(label), 3))]
            texts = [" ".join([*row, "sold"] if sold else row) for row, sold in zip(words, known, strict=True)]
            return "requirement_description", np.array(texts)
        case _:
            return "availability_quality", 0.3 * known + random.uniform(0.3, 0.5, len(label))


@pytest.mark.parametrize("kind", ["status", "remark", "number"])
def test_a_column_of_one_side_that_nearly_tells_the_label_is_refused_by_name(kind: str) -> None:
    raw = recipe.generate(3)
    name, raw_column = told(kind, raw["label"].to_numpy(), np.random.default_rng(5))
    with pytest.raises(DataError, match=f"'{name}' alone predicts 'label' implausibly.*--allow-column {name}"):
        refuse_leaks(recipe, recipe.tidy(raw.assign(**{name: raw_column}), RecipeOptions()))
    made = recipe.tidy(raw.assign(**{name: raw_column}), RecipeOptions(allowed=(name,)))
    refuse_leaks(recipe, made, (name,))


def test_no_field_of_one_side_carries_the_matches() -> None:
    made, split = synthetic_split()
    check = check_carried(made, fitted(), split)
    assert check.passed and check.measured.startswith("AUROC 0.9")
