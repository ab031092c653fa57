"""A trainer without Ray, for tests of what recipes do with their fits."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from training.fit.trainer import ArrayTuple, Table, Trainer

T = TypeVar("T")
R = TypeVar("R")


class LocalTrainer(Trainer):
    """Fits in this process, by the libraries alone, for `most` rounds or epochs; keeps what it was told."""

    def __init__(self, most: int = 15, seed: int = 7) -> None:
        super().__init__(1, seed, Path(os.devnull))
        self.most = most
        self.lines: list[str] = []

    def log(self, text: str) -> None:
        assert text
        self.lines.append(text)

    def map(self, function: Callable[[T], R], items: Sequence[T]) -> list[R]:
        return [function(item) for item in items]

    def xgboost_twice(
        self,
        params: Mapping[str, Any],
        train: Table,
        validation: Table,
        rounds: int,
        early_stopping: int,
        checkpoint_every: int = 0,
    ) -> tuple[Any, Any]:
        import xgboost

        params = {"seed": self.seed, "nthread": 1, **params}
        first = xgboost.train(
            params,
            xgboost.DMatrix(*train),
            min(rounds, self.most),
            evals=[(xgboost.DMatrix(*validation), "validation")],
            callbacks=[xgboost.callback.EarlyStopping(rounds=early_stopping, save_best=True)],
            verbose_eval=False,
        )
        both = [np.concatenate(pair) for pair in zip(train, validation, strict=True)]
        return first, xgboost.train(params, xgboost.DMatrix(*both), first.num_boosted_rounds())

    def torch(
        self,
        build: Callable[[], Any],
        loss: Callable[..., Any],
        train: ArrayTuple,
        validation: ArrayTuple,
        *,
        batch_size: int,
        learning_rate: float,
        weight_decay: float = 0.0,
        **_: int,
    ) -> bytes:
        import torch

        module = build()
        torch.manual_seed(self.seed)
        # Few epochs have to go further.
        steps = torch.optim.AdamW(module.parameters(), lr=2 * learning_rate, weight_decay=weight_decay)
        for epoch in range(self.most):
            order = np.random.default_rng([self.seed, epoch]).permutation(len(train[0]))
            for start in range(0, len(order), batch_size):
                rows = order[start : start + batch_size]
                steps.zero_grad()
                loss(module, *(torch.from_numpy(array[rows]) for array in train)).backward()
                steps.step()
        stream = io.BytesIO()
        torch.save(module.state_dict(), stream)
        return stream.getvalue()
