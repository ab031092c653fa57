from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import numpy as np
import psutil
import pytest
import xgboost

from tests.training.conftest import ray_address, still_alive
from tests.training.watched import Killer, Seer, Watch
from training.errors import DataError
from training.fit.ray_map import FitFailed
from training.fit.trainer import Table, Trainer
from training.tune.trial import TrialTrainer

PARAMS = {
    "objective": "reg:squarederror",
    "eval_metric": "mae",
    "eta": 0.1,
    "max_depth": 4,
    "min_child_weight": 20,
}


@pytest.fixture(scope="module")
def tables() -> tuple[Table, Table]:
    """Of so few values that the bins of a fit do not depend on how the rows are dealt."""
    random = np.random.default_rng(0)
    features = random.normal(size=(4000, 8)).astype(np.float32).round(1)
    features[random.random(features.shape) < 0.05] = np.nan
    clean = np.nan_to_num(features)
    target = (2 * clean[:, 0] + np.sin(3 * clean[:, 1]) + random.normal(size=4000)).astype(np.float32)
    return (features[:3000], target[:3000]), (features[3000:], target[3000:])


@pytest.fixture(scope="module")
def alone(tables: tuple[Table, Table]) -> xgboost.Booster:
    """What XGBoost fits by itself, up to the best round."""
    train, validation = (xgboost.DMatrix(*table) for table in tables)
    fitted = xgboost.train(
        {**PARAMS, "seed": 7, "nthread": 1},
        train,
        200,
        evals=[(validation, "validation")],
        early_stopping_rounds=20,
        verbose_eval=False,
    )
    return fitted[: fitted.best_iteration + 1]


def error(booster: xgboost.Booster, table: Table) -> float:
    return float(np.abs(booster.predict(xgboost.DMatrix(table[0])) - table[1]).mean())


def same(one: xgboost.Booster, other: xgboost.Booster, table: Table) -> None:
    assert one.num_boosted_rounds() == other.num_boosted_rounds()
    matrix = xgboost.DMatrix(table[0])
    np.testing.assert_allclose(one.predict(matrix), other.predict(matrix), atol=1e-5)


def check_one_worker(folder: Path, watch: Watch, tables: tuple[Table, Table], alone: xgboost.Booster) -> None:
    """One booster to calibrate, and one on everything; a trial of a search fits the same two."""
    train, validation = tables
    first, second = Trainer(1, 7, folder, watch).xgboost_twice(PARAMS, train, validation, 200, 20, 10)
    same(first, alone, validation)
    both = xgboost.DMatrix(*(np.concatenate(pair) for pair in zip(train, validation, strict=True)))
    same(second, xgboost.train({**PARAMS, "seed": 7, "nthread": 1}, both, alone.num_boosted_rounds()), validation)
    trial = TrialTrainer(7, 1, {}, lambda percent, loss: None)
    for one, other in zip(trial.xgboost_twice(PARAMS, *tables, 200, 20, 10), (first, second), strict=True):
        same(one, other, validation)
    assert watch.rounds == sorted(set(watch.rounds))
    assert watch.notes[-1].startswith("mae ")
    assert not list(folder.iterdir())


def test_one_worker_gives_what_xgboost_gives_without_ray(
    tables: tuple[Table, Table], alone: xgboost.Booster, tmp_path: Path
) -> None:
    watch = Seer()
    check_one_worker(tmp_path, watch, tables, alone)
    assert watch.rounds[:3] == [10, 20, 30], "every tenth round is told, and none between"
    assert "RayTrainWorker" not in " ".join(watch.running)


def test_what_the_library_refuses_is_a_fit_that_failed(tables: tuple[Table, Table], tmp_path: Path) -> None:
    with pytest.raises(FitFailed, match=r"the fit failed: XGBoostError: .*max_depth"):
        Trainer(1, 7, tmp_path).xgboost({**PARAMS, "max_depth": -3}, *tables, 10, 5)


@pytest.mark.slow
def test_one_worker_on_a_ray_that_the_environment_names_gives_what_xgboost_gives(
    ray: None,
    tables: tuple[Table, Table],
    alone: xgboost.Booster,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SLIPWAY_RAY_ADDRESS", ray_address())
    handler, watch = signal.getsignal(signal.SIGINT), Seer()
    check_one_worker(tmp_path, watch, tables, alone)
    assert "RayTrainWorker" in " ".join(watch.running)
    assert signal.getsignal(signal.SIGINT) is handler
    assert not [thread for thread in threading.enumerate() if thread.name == "fit-progress"]
    assert "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S" not in os.environ


@pytest.mark.slow
def test_two_workers_of_which_one_is_killed_give_what_xgboost_gives(
    ray: None, tables: tuple[Table, Table], alone: xgboost.Booster, tmp_path: Path
) -> None:
    train, validation = tables
    watch = Killer()
    same(Trainer(2, 7, tmp_path, watch).xgboost(PARAMS, train, validation, 200, 20, 5), alone, validation)
    assert watch.killed
    assert watch.rounds == sorted(watch.rounds), "the fit went on from a checkpoint, not from the start"
    assert error(alone, validation) < 1.0
    running = "\n".join(watch.running)
    assert running.count("RayTrainWorker") == 2
    assert "DatasetManager" not in running and "PlacementGroupCleaner" not in running


def test_a_recipe_s_parameters_and_those_that_were_found(tmp_path: Path) -> None:
    defaults = {"eta": 0.1, "depth": 3}
    assert Trainer(1, 7, tmp_path).tuned(defaults) == defaults
    assert Trainer(1, 7, tmp_path, params={"depth": 5}).tuned(defaults) == {"eta": 0.1, "depth": 5}
    with pytest.raises(ValueError, match="parameter 'deep' is unknown; the recipe has: depth, eta"):
        Trainer(1, 7, tmp_path, params={"deep": 5}).tuned(defaults)


def test_tables_that_do_not_fit_are_refused_before_ray_starts(tables: tuple[Table, Table], tmp_path: Path) -> None:
    (features, target), validation = tables
    trainer = Trainer(2, 7, tmp_path)
    with pytest.raises(ValueError, match="must have the same number of rows"):
        trainer.xgboost(PARAMS, (features, target[1:]), validation, 10, 5)
    with pytest.raises(ValueError, match="validation: 1 rows are too few for 2 workers"):
        trainer.xgboost(PARAMS, (features, target), (features[:1], target[:1]), 10, 5)
    with pytest.raises(ValueError, match="not finite"):
        trainer.xgboost(PARAMS, (features, np.full_like(target, np.nan)), validation, 10, 5)
    with pytest.raises(ValueError, match="eval_metric is missing"):
        trainer.xgboost({"eta": 0.1}, (features, target), validation, 10, 5)
    leaking = np.nan_to_num(features)
    leaking[:, 2] = target
    with pytest.raises(DataError, match="'feature 2' leaks"):
        trainer.xgboost(PARAMS, (leaking, target), validation, 10, 5)
    trainer.watch([f"column_{number}" for number in range(features.shape[1])])
    with pytest.raises(DataError, match="'column_2' leaks"):
        trainer.xgboost(PARAMS, (leaking, target), validation, 10, 5)
    with pytest.raises(ValueError, match="`workers` must be 1 or more, not 0"):
        Trainer(0, 7, tmp_path)


PROGRAM = """
import sys
from pathlib import Path
import numpy as np
from training.progress import Silent
from training.fit.trainer import Trainer

class Loud(Silent):
    def advance(self, done, total, note=""):
        print(done, flush=True)

random = np.random.default_rng(0)
table = random.normal(size=(2000, 20)), random.normal(size=2000)
try:
    trainer = Trainer(int(sys.argv[2]), 7, Path(sys.argv[1]), Loud())
    trainer.xgboost({"eval_metric": "mae"}, table, table, 100000, 100000, 5)
except KeyboardInterrupt:
    sys.exit(130)
"""


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_ctrl_c_ends_a_fit_and_leaves_nothing_behind(root: Path, tmp_path: Path, workers: int) -> None:
    """Of its private Ray neither, which is elsewhere: the folder's name is too long for it."""
    storage = tmp_path / ("a-long-folder-name/" * 3)
    line = [sys.executable, "-c", PROGRAM, str(storage), str(workers)]
    with tempfile.TemporaryDirectory(prefix="s-") as scratch:
        environment = {name: value for name, value in os.environ.items() if not name.endswith("RAY_ADDRESS")}
        fit = subprocess.Popen(
            line,
            cwd=root,
            env={**environment, "TMPDIR": scratch},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert fit.stdout is not None
        with fit.stdout:
            fit.stdout.readline()
            assert bool(list(Path(scratch).glob("ray-*"))) == (workers == 2)
            started = psutil.Process(fit.pid).children(recursive=True)
            fit.send_signal(signal.SIGINT)
            assert fit.wait(timeout=120) == 130
        assert bool(started) == (workers == 2)
        assert still_alive([process.pid for process in started], 0) == []
        assert not storage.exists() or not list(storage.iterdir())
        assert not list(Path(scratch).glob("ray-*"))
