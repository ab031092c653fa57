"""The toy with parameters to tune, and some that go wrong; trials import them in processes of their own."""

from __future__ import annotations

import os
import signal
import time
from typing import Any, ClassVar

from optuna.distributions import BaseDistribution, FloatDistribution, IntDistribution

from tests.training import toy
from training.contract import Fitted, Split
from training.trainer import Trainer


class Tunable(toy.Toy):
    defaults = {"eta": 0.3, "max_depth": 3}
    objective = ("mae", "all")
    rounds = 40

    def space(self) -> dict[str, BaseDistribution]:
        return {"eta": FloatDistribution(0.0005, 0.5, log=True), "max_depth": IntDistribution(1, 6)}

    def fit(self, split: Split, trainer: Trainer) -> Fitted:
        chosen = trainer.tuned(self.defaults)
        self.before(chosen)
        params = {"objective": "reg:squarederror", "eval_metric": "mae", **chosen}
        booster = trainer.xgboost(params, self.table(split.train), self.table(split.validation), self.rounds, 10)
        return self.fitted(booster, params)

    def before(self, chosen: dict[str, Any]) -> None:
        """For those that go wrong."""


class Sleepy(Tunable):
    seconds = 1.0

    def before(self, chosen: dict[str, Any]) -> None:
        time.sleep(self.seconds)


class Asleep(Tunable):
    """Fits the defaults only; the others would take minutes."""

    awake: ClassVar[dict[str, Any]] = Tunable.defaults

    def before(self, chosen: dict[str, Any]) -> None:
        if chosen != self.awake:
            time.sleep(300)


class Picky(Tunable):
    """Raises for odd depths other than the default, and dies of depth 6."""

    def before(self, chosen: dict[str, Any]) -> None:
        if chosen["max_depth"] == 6:
            os.kill(os.getpid(), signal.SIGKILL)
        if chosen["max_depth"] in (1, 5):
            raise ValueError(f"no depth {chosen['max_depth']}\nsecond line")


class Broken(Tunable):
    def before(self, chosen: dict[str, Any]) -> None:
        raise ValueError("broken")


class Stepless(Tunable):
    """Fits without rounds, so that nothing is told before the end."""

    def fit(self, split: Split, trainer: Trainer) -> Fitted:
        trainer.tuned(self.defaults)
        return self.fitted(toy.local_booster(), {})
