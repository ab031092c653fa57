"""Fits in this process, by the code of Ray Train's workers."""

from __future__ import annotations

import functools

import numpy as np
import pandas as pd
import pytest
import xgboost

from serving.kernel.storage.version_manifest import Metric
from tests.training import toy
from tests.training.modules import build, loss, no_loss
from tests.training.tune.tunable import Tunable
from training.errors import TuneError
from training.fit.trainer import FitFailed
from training.recipe import Evaluation, RecipeOptions
from training.tune.trial import TrialTrainer, objective

Told = list[tuple[float, float]]


def trial(told: Told, **params: object) -> TrialTrainer:
    return TrialTrainer(7, 1, params, lambda percent, loss: told.append((percent, loss)))


def test_a_trial_takes_its_parameters_and_tells_of_its_rounds() -> None:
    """That it fits what Ray Train fits: `test_trainer` and `test_torch_fit`."""
    recipe, told = Tunable(), []
    parts = recipe.split(recipe.tidy(recipe.generate(7), RecipeOptions()))
    inputs = {"features": recipe.table(parts.test)[0]}
    here = trial(told)
    own = recipe.fit(parts, here).predict(inputs)["y"]
    assert [percent for percent, _ in told] == [5.0 * step for step in range(1, len(told) + 1)]
    assert told[0][1] > told[-1][1] and here.rounds >= 2 * len(told)
    changed = recipe.fit(parts, trial([], eta=0.05)).predict(inputs)["y"]
    assert np.abs(changed - own).max() > 0.01


def test_the_second_fit_says_nothing_and_more_may_be_better() -> None:
    told: Told = []
    random = np.random.default_rng(0)
    table = random.normal(size=(200, 3)).astype(np.float32), (random.random(200) > 0.5).astype(np.float32)
    trainer = trial(told)
    params = {"objective": "binary:logistic", "eval_metric": "auc"}
    first, second = trainer.xgboost_twice(params, table, table, 10, 10)
    assert isinstance(first, xgboost.Booster) and second.num_boosted_rounds() == first.num_boosted_rounds()
    assert len(told) == 10 and told[-1][0] == 100 and told[-1][1] < told[0][1] < 0
    trainer.xgboost(params, table, table, 10, 10)
    assert len(told) == 10 and trainer.rounds == 20


def test_modules_and_many_small_fits() -> None:
    told: Told = []
    features = np.random.default_rng(0).normal(size=(400, 4)).astype(np.float32)
    table = features, 2 * features[:, :1]
    settings = {"epochs": 6, "batch_size": 64, "learning_rate": 0.02, "early_stopping": 6}
    assert trial(told).torch(functools.partial(build, 8), loss, table, table, **settings)
    assert [percent for percent, _ in told] == pytest.approx([100 * done / 6 for done in range(1, 7)])
    assert trial([]).map(abs, [-2, 3]) == [2, 3]
    with pytest.raises(FitFailed, match="no epoch gave a finite loss"):
        trial([]).torch(functools.partial(build, 8), no_loss, table, table, **settings)


def test_a_parameter_that_the_recipe_does_not_have() -> None:
    recipe = Tunable()
    parts = recipe.split(recipe.tidy(recipe.generate(7), RecipeOptions()))
    with pytest.raises(ValueError, match="parameter 'depth' is unknown; the recipe has: eta, max_depth"):
        recipe.fit(parts, trial([], depth=3))
    assert trial([], eta=0.1).tuned(recipe.defaults) == {"eta": 0.1, "max_depth": 3}


def test_the_metric_of_a_search() -> None:
    def evaluation(*metrics: Metric) -> Evaluation:
        return Evaluation(metrics=metrics, rows=pd.DataFrame())

    class Last(toy.Toy):
        objective = ("mae", "")

    near, far = (Metric(name="mae", value=value, slice=part) for value, part in ((1.0, "near"), (2.0, "far")))
    assert objective(Last(), evaluation(near, far)) == far
    with pytest.raises(TuneError, match=r"no metric mae \(all\)"):
        objective(Tunable(), evaluation(near, far))
    with pytest.raises(TuneError, match=r"mae \(all\) is nan"):
        objective(Tunable(), evaluation(Metric(name="mae", value=float("nan"))))
    with pytest.raises(TuneError, match="must be lower or higher for a search, not 'nominal'"):
        objective(Tunable(), evaluation(Metric(name="mae", value=1.0, better="nominal")))
