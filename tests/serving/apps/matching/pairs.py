"""A small fitted model, without Ray, and lots to ask about."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import numpy as np
import torch

from serving.apps.matching.recipe import MatchRecipe
from serving.apps.matching.schema import Availability, MatchQuestion, Requirement
from training.contract import Fitted, Options, Split


class LocalTrainer:
    """The part of `Trainer` that the recipe uses, in this process and for a few epochs."""

    def __init__(self, seed: int, epochs: int = 3) -> None:
        self.seed, self.epochs = seed, epochs

    def tuned(self, defaults: Mapping[str, Any]) -> dict[str, Any]:
        return dict(defaults)

    def log(self, text: str) -> None:
        pass

    def torch(
        self,
        build: Callable[[], Any],
        loss: Callable[..., Any],
        train: tuple[Any, ...],
        validation: tuple[Any, ...],
        *,
        batch_size: int,
        learning_rate: float,
        weight_decay: float,
        **_: int,
    ) -> bytes:
        module = build()
        torch.manual_seed(self.seed)
        steps = torch.optim.AdamW(module.parameters(), lr=2 * learning_rate, weight_decay=weight_decay)
        for epoch in range(self.epochs):
            order = np.random.default_rng([self.seed, epoch]).permutation(len(train[0]))
            for start in range(0, len(order), batch_size):
                rows = order[start : start + batch_size]
                steps.zero_grad()
                loss(module, *(torch.from_numpy(array[rows]) for array in train)).backward()
                steps.step()
        stream = io.BytesIO()
        torch.save(module.state_dict(), stream)
        return stream.getvalue()


@cache
def synthetic_split() -> tuple[MatchRecipe, Split]:
    recipe = MatchRecipe()
    return recipe, recipe.split(recipe.tidy(recipe.generate(3), Options()))


@cache
def fitted() -> Fitted:
    recipe, split = synthetic_split()
    trainer: Any = LocalTrainer(3)
    return recipe.fit(split, trainer)


def wanted(name: str = "canon toner e-16", **fields: Any) -> Requirement:
    return Requirement(name=name, **fields)


def offered(name: str = "Canon E16 toner cartridge", identity: str = "A1", **fields: Any) -> Availability:
    return Availability(id=identity, name=name, **fields)


def question(*availabilities: Availability, requirement: Requirement | None = None, top: int = 5) -> MatchQuestion:
    return MatchQuestion(
        requirement=requirement or wanted(), availabilities=availabilities or (offered(),), top=top
    )
