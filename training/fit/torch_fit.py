"""One fit of a PyTorch module: with early stopping, resumable, its batches shared among the workers."""

from __future__ import annotations

import copy
import io
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import distributed

__all__ = ["Progress", "descend", "share_of", "undisturbed", "weights_of"]

Arrays = tuple[npt.NDArray[Any], ...]
Batch = tuple[torch.Tensor, ...]
State = dict[str, Any]

FLOOR = 0.1
"""Share of the learning rate that is left after the last epoch; it falls along half a cosine."""


@dataclass
class Progress:
    """Where a fit stands; all of it is in a checkpoint."""

    done: int = 0
    """Epochs."""
    best: float = math.inf
    best_epoch: int = 0
    weights: State = field(default_factory=dict)
    """The module's state at `best_epoch`."""


Report = Callable[[Any, Any, Progress, float], None]
"""Told of the module, the optimizer, where the fit stands, and the epoch's validation loss."""


def descend(
    config: dict[str, Any],
    train: Arrays,
    validation: Arrays,
    report: Report,
    rank: int = 0,
    world: int = 1,
    resume: Callable[[Any, Any], Progress] | None = None,
) -> bytes:
    """Fit until the validation loss stops falling; returns the best state dict as `torch.save` writes it.

    Every worker walks the same batches and computes the gradient of its share of each; the mean over all rows of
    the batch is applied by all, so their modules stay equal. `config`: build, loss, epochs, batch_size,
    learning_rate, weight_decay, early_stopping, seed, threads. `report` is told of every epoch; `resume` sets
    module and optimizer to where an earlier fit stood. Empty when no epoch gave a finite validation loss.
    """
    torch.set_num_threads(config["threads"])
    torch.manual_seed(config["seed"])
    module = config["build"]()
    adam = torch.optim.AdamW(
        module.parameters(), lr=config["learning_rate"], weight_decay=config["weight_decay"], foreach=False
    )
    state = resume(module, adam) if resume else Progress()
    while state.done < config["epochs"] and state.done - state.best_epoch < config["early_stopping"]:
        _train_epoch(module, adam, train, config, state.done, rank, world)
        loss = _validation_loss(module, validation, config, rank, world)
        state.done += 1
        if loss < state.best:
            state.best, state.best_epoch = loss, state.done
            state.weights = copy.deepcopy(module.state_dict())
        report(module, adam, state, loss)
    return weights_of(state.weights) if state.weights else b""


@contextmanager
def undisturbed() -> Iterator[None]:
    """Leave PyTorch's random state and number of threads to others as they were before the block."""
    threads = torch.get_num_threads()
    with torch.random.fork_rng(devices=[]):
        try:
            yield
        finally:
            torch.set_num_threads(threads)


def share_of(rows: npt.NDArray[np.intp], rank: int, world: int) -> npt.NDArray[np.intp]:
    """Every `world`-th row from `rank` on."""
    return rows[rank::world]


def weights_of(state: State) -> bytes:
    """A state dict as bytes that `torch.load(..., weights_only=True)` reads."""
    stream = io.BytesIO()
    torch.save(state, stream)
    return stream.getvalue()


def _train_epoch(
    module: Any, adam: Any, table: Arrays, config: dict[str, Any], epoch: int, rank: int, world: int
) -> None:
    # Seeded by the epoch: a resumed fit goes on as the one that nothing happened to.
    torch.manual_seed(config["seed"] * 100_003 + epoch + 1)
    order = np.random.default_rng([config["seed"], epoch]).permutation(len(table[0]))
    for group in adam.param_groups:
        fall = (1 + math.cos(math.pi * epoch / config["epochs"])) / 2
        group["lr"] = config["learning_rate"] * (FLOOR + (1 - FLOOR) * fall)
    module.train()
    for batch in _batches(order, config["batch_size"]):
        own = share_of(batch, rank, world)
        adam.zero_grad()
        if len(own):
            loss = config["loss"](module, *_tensors(table, own))
            # A share of the mean over the batch, so that shares of different sizes add up to it.
            (loss * (len(own) / len(batch))).backward()
        if world > 1:
            _add_up(module)
        adam.step()


def _validation_loss(module: Any, table: Arrays, config: dict[str, Any], rank: int, world: int) -> float:
    """Mean loss over the rows of the table, the same number on every worker."""
    total = 0.0
    module.eval()
    with torch.no_grad():
        for batch in _batches(np.arange(len(table[0])), config["batch_size"]):
            own = share_of(batch, rank, world)
            if len(own):
                total += float(config["loss"](module, *_tensors(table, own))) * len(own)
    sums = torch.tensor([total], dtype=torch.float64)
    if world > 1:
        distributed.all_reduce(sums)
    return float(sums[0]) / len(table[0])


def _add_up(module: Any) -> None:
    """Add up the gradients of all workers, in one message."""
    parameters = [one for one in module.parameters() if one.requires_grad]
    gradients = [torch.zeros_like(one) if one.grad is None else one.grad for one in parameters]
    flat = torch.cat([one.reshape(-1) for one in gradients])
    distributed.all_reduce(flat)
    for one, part in zip(parameters, torch.split(flat, [one.numel() for one in gradients]), strict=True):
        one.grad = part.reshape(one.shape)


def _batches(order: npt.NDArray[np.intp], size: int) -> Iterator[npt.NDArray[np.intp]]:
    for start in range(0, len(order), size):
        yield order[start : start + size]


def _tensors(table: Arrays, rows: npt.NDArray[np.intp]) -> Batch:
    return tuple(torch.from_numpy(array[rows]) for array in table)
