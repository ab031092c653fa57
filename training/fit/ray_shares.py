"""The functions that Ray Train's workers run: a share of a fit, with reports, checkpoints and resuming.

`shared["given"]` is a callable that returns the object references of the configuration, train and validation. The
configuration is that of the fit plus `frequency`, the rounds or epochs between reports. Only the library that is
used is imported.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import ray
import ray.train

if TYPE_CHECKING:
    import xgboost

    from training.fit.boosting import Table
    from training.fit.torch_fit import FitState

__all__ = ["fit_module", "fit_share"]

BOOSTER_NAME = "model.ubj"
STATE_NAME = "state.pt"


def fit_share(shared: dict[str, Any]) -> list[bytes]:
    """Run `boost` on rows rank, rank + world, ... of the shared tables."""
    from training.fit.boosting import EachRound, boost

    rank, world, config, tables = _given(shared)
    train, validation = (_share(table, rank, world) for table in tables)

    def report(booster: xgboost.Booster, done: int, score: float) -> None:
        def save(folder: Path) -> None:
            booster.save_model(folder / BOOSTER_NAME)

        if done % config["frequency"] == 0:
            _report({"round": done, "score": score}, rank, save)

    return boost(config, train, validation, EachRound(config["metric"], report), _booster())


def fit_module(shared: dict[str, Any]) -> bytes:
    """Run `descend` on this worker's share of every batch of the shared tables."""
    import torch

    from training.fit.torch_fit import descend

    rank, world, config, (train, validation) = _given(shared)

    def report(module: Any, adam: Any, state: FitState, loss: float) -> None:
        def save(folder: Path) -> None:
            kept = {"module": module.state_dict(), "adam": adam.state_dict(), **vars(state)}
            torch.save(kept, folder / STATE_NAME)

        if state.done % config["frequency"] == 0:
            _report({"round": state.done, "score": loss}, rank, save)

    return descend(config, train, validation, report, rank, world, _resumed)


def _given(shared: dict[str, Any]) -> tuple[int, int, dict[str, Any], list[Any]]:
    """This worker's rank, the number of workers, the configuration and the tables."""
    context = ray.train.get_context()
    config, *tables = (ray.get(reference) for reference in shared["given"]())
    return context.get_world_rank(), context.get_world_size(), config, tables


def _share(table: Table, rank: int, world: int) -> Table:
    features, target = table
    return np.ascontiguousarray(features[rank::world]), np.ascontiguousarray(target[rank::world])


def _report(metrics: dict[str, Any], rank: int, save: Callable[[Path], object]) -> None:
    """Report to the controller. Rank 0 adds a checkpoint; those of the other workers would be equal."""
    report = {**metrics, "pid": os.getpid()}
    if rank:
        ray.train.report(report)
        return
    with tempfile.TemporaryDirectory() as folder:
        save(Path(folder))
        ray.train.report(report, checkpoint=ray.train.Checkpoint.from_directory(folder))


def _booster() -> xgboost.Booster | None:
    """The booster of the last checkpoint, if there is one."""
    import xgboost

    checkpoint = ray.train.get_checkpoint()
    if checkpoint is None:
        return None
    with checkpoint.as_directory() as folder:
        return xgboost.Booster(model_file=str(Path(folder) / BOOSTER_NAME))


def _resumed(module: Any, adam: Any) -> FitState:
    """Load the last checkpoint, if any, into module and optimizer; returns the state of the fit."""
    import torch

    from training.fit.torch_fit import FitState

    checkpoint = ray.train.get_checkpoint()
    if checkpoint is None:
        return FitState()
    with checkpoint.as_directory() as folder:
        kept = torch.load(Path(folder) / STATE_NAME, weights_only=True)
    module.load_state_dict(kept.pop("module"))
    adam.load_state_dict(kept.pop("adam"))
    return FitState(**kept)
