"""Fits of a PyTorch module: in this process, and on workers of Ray Train."""

from __future__ import annotations

import functools
import io
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

from tests.training.modules import build, loss, no_loss
from tests.training.watched import Killer, Watch
from training.fit.trainer import FitFailed, Trainer
from training.tune.trial import TrialTrainer

Tables = tuple[tuple[npt.NDArray[Any], ...], tuple[npt.NDArray[Any], ...]]


@pytest.fixture(scope="module")
def tables() -> Tables:
    random = np.random.default_rng(0)
    features = random.normal(size=(1500, 4)).astype(np.float32)
    target = (2 * features[:, :1] - features[:, 1:2] + 0.1 * random.normal(size=(1500, 1))).astype(np.float32)
    return (features[:1101], target[:1101]), (features[1101:], target[1101:])


def fit(trainer: Trainer, tables: Tables, epochs: int = 60, **options: Any) -> dict[str, Any]:
    settings = {"batch_size": 128, "learning_rate": 0.02, "early_stopping": 60, "checkpoint_every": 5, **options}
    raw = trainer.torch(functools.partial(build, 8), loss, *tables, epochs=epochs, **settings)
    state: dict[str, Any] = torch.load(io.BytesIO(raw), weights_only=True)
    return state


def error(state: dict[str, Any], table: tuple[npt.NDArray[Any], ...]) -> float:
    module = build(8)
    module.load_state_dict(state)
    with torch.no_grad():
        return float(loss(module, *map(torch.from_numpy, table)))


def far(one: dict[str, Any], other: dict[str, Any]) -> float:
    return max(float((one[name] - other[name]).abs().max()) for name in one)


@pytest.fixture(scope="module")
def whole(tables: Tables) -> dict[str, Any]:
    """What is fitted in this process, as in a trial of a search."""
    return fit(TrialTrainer(7, 1, {}, lambda percent, loss: None), tables)


def test_one_worker_gives_what_a_trial_gives_and_shows_its_progress(
    whole: dict[str, Any], tables: Tables, tmp_path: Path
) -> None:
    watch, threads, random = Watch(), torch.get_num_threads(), torch.get_rng_state()
    state = fit(Trainer(1, 7, tmp_path, watch), tables)
    assert (torch.get_num_threads(), torch.equal(torch.get_rng_state(), random)) == (threads, True)
    assert far(whole, state) == 0
    assert error(state, tables[1]) < 0.05
    assert watch.rounds == sorted(set(watch.rounds))
    assert watch.notes[-1].startswith("loss ")
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_two_workers_of_which_one_is_killed_give_what_one_worker_gives(
    ray: None, whole: dict[str, Any], tables: Tables, tmp_path: Path
) -> None:
    watch = Killer()
    resumed = fit(Trainer(2, 7, tmp_path, watch), tables)
    assert watch.killed
    assert far(whole, resumed) < 1e-4
    assert watch.rounds == sorted(watch.rounds), "the fit went on from a checkpoint, not from the start"


def test_fitting_ends_when_validation_gets_no_better(tables: Tables) -> None:
    """A few rows of noise are learned by heart: the best epoch is an early one."""
    random = np.random.default_rng(1)
    noise = random.normal(size=(40, 4)).astype(np.float32), random.normal(size=(40, 1)).astype(np.float32)
    told: list[tuple[float, float]] = []
    # What a worker runs, in this process.
    trainer = TrialTrainer(8, 1, {}, lambda percent, loss: told.append((percent, loss)))
    state = fit(trainer, (noise, tables[1]), 200, early_stopping=5, batch_size=8, checkpoint_every=1)
    assert told[-1][0] < 50
    assert error(state, tables[1]) == pytest.approx(min(loss for _, loss in told), abs=1e-4)


def test_a_loss_that_is_never_finite_is_an_error(tables: Tables, tmp_path: Path) -> None:
    with pytest.raises(FitFailed, match="no epoch gave a finite loss"):
        Trainer(1, 7, tmp_path).torch(
            functools.partial(build, 8),
            no_loss,
            *tables,
            epochs=3,
            batch_size=512,
            learning_rate=0.1,
            early_stopping=2,
        )


def test_tables_that_do_not_fit_are_refused_before_ray_starts(tables: Tables, tmp_path: Path) -> None:
    (features, target), validation = tables
    trainer = Trainer(2, 7, tmp_path)
    with pytest.raises(ValueError, match=r"train: the arrays have \[1100, 1101\] rows"):
        fit(trainer, ((features, target[1:]), validation))
    with pytest.raises(ValueError, match="validation: 1 rows are too few for 2 workers"):
        fit(trainer, ((features, target), (features[:1], target[:1])))
    with pytest.raises(ValueError, match="train: array 1 has values that are not finite"):
        fit(trainer, ((features, np.full_like(target, np.nan)), validation))


def test_every_row_is_dealt_to_one_worker() -> None:
    from training.fit.torch_fit import share_of

    rows = np.random.default_rng(0).permutation(11)
    dealt = [share_of(rows, rank, 3) for rank in range(3)]
    assert sorted(np.concatenate(dealt)) == sorted(rows)
    assert [len(part) for part in dealt] == [4, 4, 3]


def test_weights_are_read_without_running_code() -> None:
    from training.fit.torch_fit import weights_of

    state = build(2).state_dict()
    found = torch.load(io.BytesIO(weights_of(state)), weights_only=True)
    assert far(state, found) == 0


def test_a_trainer_is_made_without_importing_pytorch(root: Path) -> None:
    line = "import sys, training.fit.trainer; sys.exit('torch' in sys.modules)"
    environment = {**os.environ, "PYTHONPATH": str(root)}
    subprocess.run([sys.executable, "-c", line], cwd=root, env=environment, check=True)
