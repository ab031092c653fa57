"""One XGBoost fit: with early stopping, resumable, and fitted again on all rows where that is wanted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import xgboost

__all__ = ["EachRound", "ResumableStopping", "Table", "boost"]

Table = tuple[npt.NDArray[Any], npt.NDArray[Any]]


class ResumableStopping(xgboost.callback.EarlyStopping):  # type: ignore[misc]
    """Early stopping that goes on counting when a fit resumes from a checkpoint.

    XGBoost keeps the best round and score as attributes of the booster, so they travel with the checkpoint.
    """

    def before_training(self, model: Any) -> Any:
        """Take the best round so far from the booster."""
        model = super().before_training(model)
        best = model.attr("best_iteration")
        if best is not None:
            score = float(model.attr("best_score"))
            self.stopping_history = {self.data: {self.metric_name: [score]}}
            self.best_scores = {self.data: {self.metric_name: [score]}}
            self.current_rounds = self.starting_round - 1 - int(best)
        return model


class EachRound(xgboost.callback.TrainingCallback):  # type: ignore[misc]
    """Tells a function of every round: the booster, how many rounds are done, and the metric on validation.

    Rounds count from the start of the first attempt where a fit goes on from a checkpoint.
    """

    def __init__(self, metric: str, tell: Callable[[xgboost.Booster, int, float], None]) -> None:
        super().__init__()
        self.metric = metric
        self.tell = tell
        self.offset = 0

    def before_training(self, model: Any) -> Any:
        """Take the number of rounds that an earlier attempt has done from the booster."""
        self.offset = model.num_boosted_rounds()
        return model

    def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
        """Tell; fitting goes on."""
        self.tell(model, self.offset + epoch + 1, float(evals_log["validation"][self.metric][-1]))
        return False


def boost(
    config: dict[str, Any],
    train: Table,
    validation: Table,
    report: xgboost.callback.TrainingCallback,
    booster: xgboost.Booster | None = None,
) -> list[bytes]:
    """Fit, going on from `booster` where there is one; returns the booster up to its best round (UBJ).

    With `refit`, a second booster follows: fitted on train and validation together, for as many rounds.
    `config`: params, metric, rounds, early_stopping, refit. `report` is told of every round of the first.
    """
    stopping = ResumableStopping(
        rounds=config["early_stopping"], data_name="validation", metric_name=config["metric"], save_best=True
    )
    done = booster.num_boosted_rounds() if booster else 0
    # XGBoost's random state is not in a checkpoint: another seed, so that rounds done are not drawn again.
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
