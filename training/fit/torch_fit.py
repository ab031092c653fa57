"""One fit of a PyTorch module: early stopping, resuming from a checkpoint, batches shared among workers."""

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

__all__ = ["FitState", "descend", "isolated", "share_of", "weights_of"]

Arrays = tuple[npt.NDArray[Any], ...]
Batch = tuple[torch.Tensor, ...]
State = dict[str, Any]

FLOOR = 0.1
"""The final share of the learning rate, which falls along half a cosine."""


@dataclass
class FitState:
    """The state of a fit; a checkpoint contains all of it."""

    done: int = 0
    """The number of finished epochs."""
    best: float = math.inf
    best_epoch: int = 0
    weights: State = field(default_factory=dict)
    """The module's state at `best_epoch`."""


OnEpoch = Callable[[Any, Any, FitState, float], None]
"""Called after every epoch with the module, the optimizer, the state of the fit, and the validation loss."""


def descend(
    config: dict[str, Any],
    train: Arrays,
    validation: Arrays,
    on_epoch: OnEpoch,
    rank: int = 0,
    world: int = 1,
    resume: Callable[[Any, Any], FitState] | None = None,
) -> bytes:
    """Fit until the validation loss stops falling; returns the best state dict as `torch.save` writes it.

    All workers go through the same batches, and each computes the gradient of its share of the rows. All apply the
    mean over the whole batch, so their modules stay equal. `config`: build, loss, epochs, batch_size,
    learning_rate, weight_decay, early_stopping, seed, threads. `resume` loads the state of an earlier attempt into
    module and optimizer. Returns empty bytes when no epoch gave a finite validation loss.
    """
    torch.set_num_threads(config["threads"])
    torch.manual_seed(config["seed"])
    module = config["build"]()
    adam = torch.optim.AdamW(
        module.parameters(), lr=config["learning_rate"], weight_decay=config["weight_decay"], foreach=False
    )
    state = resume(module, adam) if resume else FitState()
    while state.done < config["epochs"] and state.done - state.best_epoch < config["early_stopping"]:
        _train_epoch(module, adam, train, config, state.done, rank, world)
        loss = _validation_loss(module, validation, config, rank, world)
        state.done += 1
        if loss < state.best:
            state.best, state.best_epoch = loss, state.done
            state.weights = copy.deepcopy(module.state_dict())
        on_epoch(module, adam, state, loss)
    return weights_of(state.weights) if state.weights else b""


@contextmanager
def isolated() -> Iterator[None]:
    """Restore PyTorch's random state and number of threads after the block."""
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
    # Seeded by the epoch, so that a resumed fit continues exactly as an uninterrupted one.
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
            # Weighted, so that shares of different sizes add up to the mean over the batch.
            (loss * (len(own) / len(batch))).backward()
        if world > 1:
            _sum_gradients(module)
        adam.step()


def _validation_loss(module: Any, table: Arrays, config: dict[str, Any], rank: int, world: int) -> float:
    """Mean loss over the rows of the table, equal on every worker."""
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


def _sum_gradients(module: Any) -> None:
    """Sum the gradients of all workers, in one message."""
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
