"""The toy with parameters to tune, and some that go wrong; trials import them in processes of their own."""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING, Any, ClassVar

from serving.kernel.tensors import Arrays
from tests.training import toy
from training.fit.trainer import Trainer
from training.recipe import Fitted, Split

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution


class Tunable(toy.Toy):
    defaults = {"eta": 0.3, "max_depth": 3}
    objective = ("mae", "all")
    rounds = 40

    def space(self) -> dict[str, BaseDistribution]:
        from optuna.distributions import FloatDistribution, IntDistribution

        return {"eta": FloatDistribution(0.0005, 0.5, log=True), "max_depth": IntDistribution(1, 6)}

    def fit(self, split: Split, trainer: Trainer) -> Fitted:
        chosen = trainer.tuned(self.defaults)
        params = {"objective": "reg:squarederror", "eval_metric": "mae", **chosen}
        booster = trainer.xgboost(params, self.table(split.train), self.table(split.validation), self.rounds, 10)
        return self.fitted(booster, params)


class Stepless(Tunable):
    """A formula that likes large steps: nothing is told before the end, and its process has no need of XGBoost."""

    def fit(self, split: Split, trainer: Trainer) -> Fitted:
        chosen = trainer.tuned(self.defaults)
        self.before(chosen)

        def predict(inputs: Arrays) -> Arrays:
            return {"y": (1.5 + chosen["eta"]) * inputs["features"][:, :1]}

        return Fitted(predict=predict, context=toy.Context(), files={}, params=chosen, importance={"a": 1.0})

    def before(self, chosen: dict[str, Any]) -> None:
        """For those that go wrong."""


class Sleepy(Stepless):
    seconds = 1.0

    def before(self, chosen: dict[str, Any]) -> None:
        time.sleep(self.seconds)


class Asleep(Stepless):
    """Fits the defaults only; the others would take minutes."""

    awake: ClassVar[dict[str, Any]] = Tunable.defaults

    def before(self, chosen: dict[str, Any]) -> None:
        if chosen != self.awake:
            time.sleep(300)


class Picky(Stepless):
    """Raises for odd depths other than the default, and dies of depth 6."""

    def before(self, chosen: dict[str, Any]) -> None:
        if chosen["max_depth"] == 6:
            os.kill(os.getpid(), signal.SIGKILL)
        if chosen["max_depth"] in (1, 5):
            raise ValueError(f"no depth {chosen['max_depth']}\nsecond line")


class Broken(Stepless):
    def before(self, chosen: dict[str, Any]) -> None:
        raise ValueError("broken")
