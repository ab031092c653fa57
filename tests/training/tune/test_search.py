"""Whole searches with the toy."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pandas as pd
import pytest
from optuna.distributions import BaseDistribution, FloatDistribution, IntDistribution

from tests.training import toy
from tests.training.conftest import ray_address
from tests.training.tune.conftest import Heard, runs_below, search_of
from tests.training.tune.tunable import Asleep, Broken, Picky, Sleepy, Stepless, Tunable
from training import find_recipe
from training.errors import DataError, TuneError
from training.find_recipe import RecipeError
from training.recipe import RecipeOptions, Split
from training.registry.mlflow_registry import Registry
from training.registry.tuning_results import Tuned
from training.tune.search import check_space, nested, search


@pytest.mark.slow
def test_the_best_of_a_search_and_every_trial_in_the_registry(
    ray: None, registry: Registry, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    wanted, heard = search_of(Tunable(), tmp_path, registry, trials=8), Heard()
    tuned = search(wanted, registry, heard)
    first, best = tuned.trials[0], tuned.trials[tuned.best]
    assert [trial.number for trial in tuned.trials] == list(range(8))
    assert (first.params, first.state) == (Tunable.defaults, "finished")
    assert best.value and first.value and best.value <= first.value
    assert tuned.params == best.params and tuned.metric == "mae"
    pruned = [trial for trial in tuned.trials if trial.state == "pruned"]
    assert pruned and all("% of its rounds" in trial.reason for trial in pruned)
    assert all(trial.rounds < 40 and trial.value is None for trial in pruned)
    runs = runs_below(registry, wanted.run_id)
    assert [int(run.data.tags["slipway.trial"]) for run in runs] == list(range(8))
    assert [run.data.tags["slipway.state"] for run in runs] == [trial.state for trial in tuned.trials]
    assert runs[0].data.metrics["mae"] == pytest.approx(first.value)
    assert runs[0].data.params == {"eta": "0.3", "max_depth": "3"}
    assert len(heard.lines) == 8 and heard.lines[0].startswith("trial 0, the defaults: mae ")
    assert not list((tmp_path / "fits").iterdir())
    assert capfd.readouterr().out == "", "standard output is the command's"


@pytest.mark.slow
def test_more_trials_go_on_where_the_last_ended(ray: None, registry: Registry, tmp_path: Path) -> None:
    wanted = search_of(Stepless(), tmp_path, registry, trials=2)
    before = search(wanted, registry, Heard())
    heard = Heard()
    after = search(replace(wanted, trials=4), registry, heard)
    assert heard.lines[0] == "resuming: 2 trials of this search are already finished"
    assert after.trials[:2] == before.trials and len(after.trials) == 4
    assert len(runs_below(registry, wanted.run_id)) == 4
    assert search(wanted, registry, Heard()) == after, "fewer than are done: nothing runs"


@pytest.mark.slow
def test_trials_that_fail_do_not_end_the_search(ray: None, registry: Registry, tmp_path: Path) -> None:
    wanted = search_of(Picky(), tmp_path, registry, trials=12, workers=2)
    tuned = search(wanted, registry, Heard())
    assert len(tuned.trials) == 12
    reasons = {trial.reason for trial in tuned.trials if trial.state == "failed"}
    assert reasons <= {"ValueError: no depth 1", "ValueError: no depth 5", "its process died"}
    assert "its process died" in reasons and len(reasons) > 1
    failed = [trial.number for trial in tuned.trials if trial.state == "failed"]
    runs = runs_below(registry, wanted.run_id)
    assert [int(run.data.tags["slipway.trial"]) for run in runs if run.info.status == "FAILED"] == failed


@pytest.mark.slow
def test_a_search_of_failures_only_is_an_error_and_forgotten(
    ray: None, registry: Registry, tmp_path: Path
) -> None:
    wanted = search_of(Broken(), tmp_path, registry, trials=2)
    with pytest.raises(TuneError, match="all 2 trials failed; the first: ValueError: broken"):
        search(wanted, registry, Heard())
    assert len(runs_below(registry, wanted.run_id)) == 2
    assert not list((tmp_path / "tune" / "toy").iterdir())


@pytest.mark.slow
def test_what_goes_wrong_at_the_end_of_a_trial_ends_the_search_and_so_does_the_time(
    ray: None, registry: Registry, tmp_path: Path
) -> None:
    class Full(Heard):
        def log(self, text: str) -> None:
            raise OSError("no space left on device")

    class AllAsleep(Asleep):
        awake: ClassVar[dict[str, Any]] = {}

    wanted = search_of(Stepless(), tmp_path, registry, trials=3)
    with pytest.raises(OSError, match="no space left on device"):
        search(wanted, registry, Full())
    heard = Heard()
    tuned = search(replace(wanted, recipe=Asleep(), minutes=0.05), registry, heard)
    assert heard.lines == ["resuming: 1 trials of this search are already finished"]
    assert [trial.number for trial in tuned.trials] == [0]
    assert len(runs_below(registry, wanted.run_id)) == 1
    with pytest.raises(TuneError, match=r"no trial finished within 0\.05 minutes; give more with --tune-minutes"):
        search(search_of(AllAsleep(), tmp_path / "b", registry, trials=5, minutes=0.05), registry, Heard())


PROGRAM = """
import sys
from pathlib import Path
from tests.training.tune.conftest import Heard, search_of
from tests.training.tune.tunable import Sleepy
from training.registry.mlflow_registry import Registry
from training.tune.search import search

class Loud(Heard):
    def log(self, text):
        print(text, flush=True)

home = Path(sys.argv[1])
registry = Registry(f"sqlite:///{home}/mlflow.db")
search(search_of(Sleepy(), home, registry, trials=6), registry, Loud())
"""


@pytest.mark.slow
def test_a_search_that_is_killed_goes_on(ray: None, registry: Registry, root: Path, tmp_path: Path) -> None:
    line = [sys.executable, "-c", PROGRAM, str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": str(root), "SLIPWAY_RAY_ADDRESS": ray_address()}
    killed = subprocess.Popen(line, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True)
    assert killed.stdout is not None
    with killed.stdout:
        said = [killed.stdout.readline() for _ in range(3)]
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert [text.partition(":")[0] for text in said] == ["trial 0, the defaults", "trial 1", "trial 2"]
    wanted, heard = search_of(Sleepy(), tmp_path, registry, trials=6), Heard()
    tuned = search(wanted, registry, heard)
    done = int(heard.lines[0].removeprefix("resuming: ").partition(" ")[0])
    assert done in (3, 4)
    assert len(heard.lines) == 1 + 6 - done, "none of those runs again"
    assert [trial.number for trial in tuned.trials] == list(range(6))
    runs = runs_below(registry, wanted.run_id)
    assert [int(run.data.tags["slipway.trial"]) for run in runs] == list(range(6))


def test_a_recipe_without_parameters_and_one_with_wrong_ones() -> None:
    class Outside(Tunable):
        defaults = {"eta": 0.3, "max_depth": 30}

    class Odd(Tunable):
        defaults = {"eta": 0.3}

    check_space(Tunable())
    with pytest.raises(TuneError, match="toy has nothing to tune"):
        check_space(toy.recipe)
    with pytest.raises(RecipeError, match="the default max_depth = 30 is outside IntDistribution"):
        check_space(Outside())
    with pytest.raises(RecipeError, match="'max_depth' is in only one of `space` and `defaults`"):
        check_space(Odd())


def test_the_inner_split_has_nothing_of_the_test_part() -> None:
    recipe = Tunable()
    tidy = recipe.tidy(recipe.generate(7), RecipeOptions())
    parts = recipe.split(tidy)
    inner = nested(recipe, tidy, parts)
    assert inner.test["day"].max() < parts.test["day"].min()
    assert len(inner.train) + len(inner.validation) + len(inner.test) == len(parts.train) + len(parts.validation)

    class Once(Tunable):
        def nest(self, frame: pd.DataFrame) -> Split:
            raise DataError("too little")

    with pytest.raises(DataError, match="before the test part cannot be split again for a search: too little"):
        nested(Once(), tidy, parts)


def test_another_space_is_another_search(registry: Registry, tmp_path: Path) -> None:
    class Wider(Tunable):
        def space(self) -> dict[str, BaseDistribution]:
            return {"eta": FloatDistribution(0.0001, 0.5, log=True), "max_depth": IntDistribution(1, 6)}

    wanted = search_of(Tunable(), tmp_path, registry)
    inner = nested(wanted.recipe, wanted.tidy, wanted.parts)
    changed = [
        replace(wanted, recipe=Wider()),
        replace(wanted, dataset_sha256="e"),
        replace(wanted, options=RecipeOptions(seed=8)),
        replace(wanted, options=RecipeOptions(select={"commodity": "onion"})),
    ]
    assert len({one.digest(inner) for one in (wanted, *changed)}) == 5
    assert replace(wanted, trials=99, minutes=1.0, workers=3).digest(inner) == wanted.digest(inner)


@pytest.mark.parametrize("name", find_recipe.names())
def test_every_app_has_something_to_tune(name: str) -> None:
    """Whether a search works with it: tests/contract."""
    check_space(find_recipe.find(name))


def test_tuned_is_what_the_command_prints() -> None:
    import msgspec

    tuned = Tuned(metric="mae", best=0, params={"eta": 0.3}, defaults={}, trials=(), folder="f")
    assert msgspec.to_builtins(tuned)["params"] == {"eta": 0.3}
