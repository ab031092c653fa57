from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import psutil
import pytest
import xgboost

from tests.training.conftest import still_alive
from training.errors import DataError
from training.progress import Silent
from training.trainer import Table, Trainer

PARAMS = {"objective": "reg:squarederror", "eval_metric": "mae", "eta": 0.1, "max_depth": 4}


class Watch(Silent):
    """Remembers what it was told."""

    def __init__(self) -> None:
        super().__init__()
        self.rounds: list[int] = []
        self.notes: list[str] = []

    def advance(self, done: int, total: int, note: str = "") -> None:
        self.rounds.append(done)
        self.notes.append(note)


@pytest.fixture(scope="module")
def tables() -> tuple[Table, Table]:
    random = np.random.default_rng(0)
    features = random.normal(size=(4000, 8)).astype(np.float32)
    features[random.random(features.shape) < 0.05] = np.nan
    clean = np.nan_to_num(features)
    target = (2 * clean[:, 0] + np.sin(3 * clean[:, 1]) + random.normal(size=4000)).astype(np.float32)
    return (features[:3000], target[:3000]), (features[3000:], target[3000:])


def error(booster: xgboost.Booster, table: Table) -> float:
    return float(np.abs(booster.predict(xgboost.DMatrix(table[0])) - table[1]).mean())


@pytest.mark.slow
def test_one_worker_gives_what_xgboost_gives(ray: None, tables: tuple[Table, Table], tmp_path: Path) -> None:
    train, validation = tables
    watch, handler = Watch(), signal.getsignal(signal.SIGINT)
    fitted = Trainer(1, 7, tmp_path, watch).xgboost(PARAMS, train, validation, 300, 20, checkpoint_every=10)
    alone = xgboost.train(
        {**PARAMS, "seed": 7, "nthread": 1},
        xgboost.DMatrix(train[0], label=train[1]),
        300,
        evals=[(xgboost.DMatrix(validation[0], label=validation[1]), "validation")],
        early_stopping_rounds=20,
        verbose_eval=False,
    )
    assert fitted.num_boosted_rounds() == alone.best_iteration + 1
    best = alone[: alone.best_iteration + 1]
    matrix = xgboost.DMatrix(validation[0])
    np.testing.assert_allclose(fitted.predict(matrix), best.predict(matrix), atol=1e-5)
    assert watch.rounds == sorted(set(watch.rounds))
    assert watch.notes[-1].startswith("mae ")
    assert not list(tmp_path.iterdir())
    assert signal.getsignal(signal.SIGINT) is handler
    assert not [thread for thread in threading.enumerate() if thread.name == "fit-progress"]
    assert "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S" not in os.environ


@pytest.mark.slow
def test_fitting_twice_gives_one_to_calibrate_and_one_on_everything(
    ray: None, tables: tuple[Table, Table], tmp_path: Path
) -> None:
    train, validation = tables
    first, second = Trainer(1, 7, tmp_path).xgboost_twice(PARAMS, train, validation, 60, 20)
    assert first.num_boosted_rounds() == second.num_boosted_rounds()
    both = [np.concatenate(pair) for pair in zip(train, validation, strict=True)]
    alone = xgboost.train({**PARAMS, "seed": 7, "nthread": 1}, xgboost.DMatrix(*both), first.num_boosted_rounds())
    matrix = xgboost.DMatrix(validation[0])
    np.testing.assert_allclose(second.predict(matrix), alone.predict(matrix), atol=1e-5)
    assert not np.allclose(second.predict(matrix), first.predict(matrix), atol=1e-5)


@pytest.mark.slow
def test_a_killed_worker_is_replaced_and_the_answer_is_the_same(
    ray: None, tables: tuple[Table, Table], tmp_path: Path
) -> None:
    train, validation = tables
    whole = Trainer(2, 7, tmp_path).xgboost(PARAMS, train, validation, 200, 20, checkpoint_every=5)
    killed: list[int] = []

    class Killer(Watch):
        """Kills a worker after it was told of the second checkpoint."""

        def advance(self, done: int, total: int, note: str = "") -> None:
            super().advance(done, total, note)
            if done >= 10 and not killed:
                killed.append(kill_worker())

    watch = Killer()
    resumed = Trainer(2, 7, tmp_path, watch).xgboost(PARAMS, train, validation, 200, 20, checkpoint_every=5)
    assert killed
    assert resumed.num_boosted_rounds() == whole.num_boosted_rounds()
    matrix = xgboost.DMatrix(validation[0])
    np.testing.assert_allclose(resumed.predict(matrix), whole.predict(matrix), atol=1e-5)
    assert watch.rounds == sorted(watch.rounds), "the fit went on from a checkpoint, not from the start"
    assert error(whole, validation) < 1.0


def kill_worker() -> int:
    """Kill -9 one of the processes that fit."""
    workers = [p for p in psutil.Process().children(recursive=True) if "RayTrainWorker" in " ".join(p.cmdline())]
    victim = workers[-1].pid
    os.kill(victim, signal.SIGKILL)
    return victim


def test_a_recipe_s_parameters_and_those_that_were_found(tmp_path: Path) -> None:
    defaults = {"eta": 0.1, "depth": 3}
    assert Trainer(1, 7, tmp_path).tuned(defaults) == defaults
    assert Trainer(1, 7, tmp_path, params={"depth": 5}).tuned(defaults) == {"eta": 0.1, "depth": 5}
    with pytest.raises(ValueError, match="parameter 'deep' is not known; there are: depth, eta"):
        Trainer(1, 7, tmp_path, params={"deep": 5}).tuned(defaults)


def test_tables_that_do_not_fit_are_refused_before_ray_starts(tables: tuple[Table, Table], tmp_path: Path) -> None:
    (features, target), validation = tables
    trainer = Trainer(2, 7, tmp_path)
    with pytest.raises(ValueError, match="do not fit together"):
        trainer.xgboost(PARAMS, (features, target[1:]), validation, 10, 5)
    with pytest.raises(ValueError, match="validation: 1 rows are too few for 2 workers"):
        trainer.xgboost(PARAMS, (features, target), (features[:1], target[:1]), 10, 5)
    with pytest.raises(ValueError, match="not finite"):
        trainer.xgboost(PARAMS, (features, np.full_like(target, np.nan)), validation, 10, 5)
    with pytest.raises(ValueError, match="eval_metric is missing"):
        trainer.xgboost({"eta": 0.1}, (features, target), validation, 10, 5)
    with pytest.raises(DataError, match="feature 2 leaks"):
        leaking = np.nan_to_num(features)
        leaking[:, 2] = target
        trainer.xgboost(PARAMS, (leaking, target), validation, 10, 5)
    with pytest.raises(ValueError, match="workers: 0"):
        Trainer(0, 7, tmp_path)


PROGRAM = """
import sys
from pathlib import Path
import numpy as np
from training.progress import Silent
from training.trainer import Trainer

class Loud(Silent):
    def advance(self, done, total, note=""):
        print(done, flush=True)

random = np.random.default_rng(0)
table = random.normal(size=(20000, 20)), random.normal(size=20000)
try:
    Trainer(1, 7, Path(sys.argv[1]), Loud()).xgboost({"eval_metric": "mae"}, table, table, 100000, 100000, 5)
except KeyboardInterrupt:
    sys.exit(130)
"""


@pytest.mark.slow
def test_ctrl_c_ends_a_fit_and_leaves_nothing_behind(root: Path, tmp_path: Path) -> None:
    line = [sys.executable, "-c", PROGRAM, str(tmp_path / "fits")]
    fit = subprocess.Popen(line, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert fit.stdout is not None
    with fit.stdout:
        fit.stdout.readline()
        started = psutil.Process(fit.pid).children(recursive=True)
        fit.send_signal(signal.SIGINT)
        assert fit.wait(timeout=120) == 130
    assert started
    assert still_alive([process.pid for process in started]) == []
    assert not list((tmp_path / "fits").iterdir())
