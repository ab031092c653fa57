"""What each Ray Train worker runs: its share of a fit, reported and checkpointed, from the last checkpoint on.

`shared["given"]` is a callable giving the object references of the configuration (that of the fit, and `frequency`
of reports in rounds or epochs), train and validation. A library is imported where it is used only.
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
    from training.fit.torch_fit import Progress

__all__ = ["fit_module", "fit_share"]

BOOSTER_NAME = "model.ubj"
STATE_NAME = "state.pt"


def fit_share(shared: dict[str, Any]) -> list[bytes]:
    """`boost` on rows rank, rank + world, ... of the shared tables."""
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
    """`descend` on this worker's share of every batch of the shared tables."""
    import torch

    from training.fit.torch_fit import descend

    rank, world, config, (train, validation) = _given(shared)

    def report(module: Any, adam: Any, state: Progress, loss: float) -> None:
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
    """Tell the controller; the checkpoint of one worker is enough, as all hold the same."""
    told = {**metrics, "pid": os.getpid()}
    if rank:
        ray.train.report(told)
        return
    with tempfile.TemporaryDirectory() as folder:
        save(Path(folder))
        ray.train.report(told, checkpoint=ray.train.Checkpoint.from_directory(folder))


def _booster() -> xgboost.Booster | None:
    """The booster of the last checkpoint, if there is one."""
    import xgboost

    checkpoint = ray.train.get_checkpoint()
    if checkpoint is None:
        return None
    with checkpoint.as_directory() as folder:
        return xgboost.Booster(model_file=str(Path(folder) / BOOSTER_NAME))


def _resumed(module: Any, adam: Any) -> Progress:
    """Where the last checkpoint stands, the module and the optimizer set to it; the start without one."""
    import torch

    from training.fit.torch_fit import Progress

    checkpoint = ray.train.get_checkpoint()
    if checkpoint is None:
        return Progress()
    with checkpoint.as_directory() as folder:
        kept = torch.load(Path(folder) / STATE_NAME, weights_only=True)
    module.load_state_dict(kept.pop("module"))
    adam.load_state_dict(kept.pop("adam"))
    return Progress(**kept)
