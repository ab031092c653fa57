"""One XGBoost fit: early stopping, resuming from a checkpoint, and an optional second fit on all rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import xgboost

__all__ = ["EachRound", "ResumableStopping", "Table", "boost"]

Table = tuple[npt.NDArray[Any], npt.NDArray[Any]]


class ResumableStopping(xgboost.callback.EarlyStopping):  # type: ignore[misc]
    """Early stopping that keeps its count when a fit resumes from a checkpoint.

    XGBoost stores the best round and score as attributes of the booster, so a checkpoint contains them.
    """

    def before_training(self, model: Any) -> Any:
        """Read the best round so far from the booster."""
        model = super().before_training(model)
        best = model.attr("best_iteration")
        if best is not None:
            score = float(model.attr("best_score"))
            self.stopping_history = {self.data: {self.metric_name: [score]}}
            self.best_scores = {self.data: {self.metric_name: [score]}}
            self.current_rounds = self.starting_round - 1 - int(best)
        return model


class EachRound(xgboost.callback.TrainingCallback):  # type: ignore[misc]
    """Calls a function after every round with the booster, the number of rounds, and the metric on validation.

    When a fit resumes from a checkpoint, the number includes the rounds of earlier attempts.
    """

    def __init__(self, metric: str, on_round: Callable[[xgboost.Booster, int, float], None]) -> None:
        super().__init__()
        self.metric = metric
        self.on_round = on_round
        self.offset = 0

    def before_training(self, model: Any) -> Any:
        """Read the number of rounds of earlier attempts from the booster."""
        self.offset = model.num_boosted_rounds()
        return model

    def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
        """Call the function, and continue the fit."""
        self.on_round(model, self.offset + epoch + 1, float(evals_log["validation"][self.metric][-1]))
        return False


def boost(
    config: dict[str, Any],
    train: Table,
    validation: Table,
    report: xgboost.callback.TrainingCallback,
    booster: xgboost.Booster | None = None,
) -> list[bytes]:
    """Fit, resuming from `booster` if given; returns the booster up to its best round (UBJ).

    With `refit`, a second booster follows, fitted on train and validation together for as many rounds.
    `config`: params, metric, rounds, early_stopping, refit. `report` is a callback of the first fit.
    """
    stopping = ResumableStopping(
        rounds=config["early_stopping"], data_name="validation", metric_name=config["metric"], save_best=True
    )
    done = booster.num_boosted_rounds() if booster else 0
    # A checkpoint lacks XGBoost's random state, so a resumed fit uses another seed and does not repeat its draws.
    seed = config["params"]["seed"] + done
    fitted = xgboost.train(
        {**config["params"], "seed": seed},
        _matrix(train),
        num_boost_round=max(0, config["rounds"] - done),
        evals=[(_matrix(validation), "validation")],
        xgb_model=booster,
        callbacks=[stopping, report],
        verbose_eval=False,
    )
    boosters = [fitted]
    if config["refit"]:
        rounds = fitted.num_boosted_rounds()
        boosters.append(xgboost.train(config["params"], _matrix(_joined(train, validation)), rounds))
    return [bytes(each.save_raw("ubj")) for each in boosters]


def _joined(first: Table, second: Table) -> Table:
    return np.concatenate([first[0], second[0]]), np.concatenate([first[1], second[1]])


def _matrix(table: Table) -> xgboost.DMatrix:
    return xgboost.DMatrix(table[0], label=table[1])
