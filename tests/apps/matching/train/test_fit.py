from __future__ import annotations

from typing import Any

import numpy as np

from apps.matching.app import app
from apps.matching.train.fit import MatchModel, hard_negatives
from apps.matching.train.pairs import availabilities, contents, flat, requirements
from tests.apps.matching.pairs import fitted, offered, question, synthetic_split, wanted
from tests.training.local import LocalTrainer
from training.recipe import Split


def test_hard_negatives_stand_in_no_part() -> None:
    split = synthetic_split()[1]
    left, right = hard_negatives(split)
    assert left and len(left) == len(right)
    labelled: set[Any] = set()
    for part in (split.train, split.validation, split.test):
        labelled |= set(zip(requirements(part), map(contents, availabilities(part)), strict=True))
    assert not labelled & set(zip(left, map(contents, right), strict=True))
    assert set(left) <= set(requirements(split.train))
    assert set(map(contents, right)) <= set(map(contents, availabilities(split.train)))


def test_numbers_no_training_row_had_are_ignored() -> None:
    """A version of data without quantities gives the same score whatever quantity is sent."""
    recipe, split = synthetic_split()
    bare = {
        name: getattr(split, name)[:600].assign(requirement_quantity=np.nan)
        for name in ("train", "validation", "test")
    }
    made = recipe.fit(Split(**bare, description={}), LocalTrainer(1, seed=3))
    context: Any = made.context
    assert "quantity" not in context.numbers and "price" in context.numbers
    scores = [
        made.predict(app.features([question(offered(quantity=5.0), requirement=wanted(quantity=many))], context))
        for many in (1.0, 1000.0)
    ]
    assert scores[0]["score"] == scores[1]["score"]


def test_probabilities_are_calibrated_on_the_validation_part() -> None:
    _, split = synthetic_split()
    model: MatchModel = fitted().model
    scores = model.score(flat(requirements(split.validation), availabilities(split.validation)))
    assert abs(scores.mean() - split.validation["label"].mean()) < 0.01
    assert 0 < model.threshold < 1


def test_tokens_that_do_not_exist_count_as_the_nearest_there_is() -> None:
    context: Any = fitted().context
    inputs = app.features([question()], context)
    inputs["availability"][0, 0, 0] = 10**9
    assert np.isfinite(fitted().predict(inputs)["score"]).all()
