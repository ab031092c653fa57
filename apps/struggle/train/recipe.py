"""Training recipe of the struggle app. The pipeline calls these methods in the order below."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import onnx
import pandas as pd

from apps.struggle.app import app
from apps.struggle.schema import DAYS, StruggleQuestion
from apps.struggle.serve.columns import DAY_COLUMN, FEATURES
from apps.struggle.serve.explain import BOOSTER_NAME
from apps.struggle.serve.features import compute
from apps.struggle.train import data, report, synthetic
from apps.struggle.train.data import questions
from apps.struggle.train.model import DEFAULTS, MISS_COST, PARAMS, StruggleModel, fit_model, graph, space
from serving.kernel.tensors import Arrays
from training.fit.trainer import Table, Trainer
from training.onnx.trees import thresholds
from training.recipe import Evaluation, Fitted, RealData, Recipe, RecipeOptions, Split, floors_of

__all__ = ["StruggleRecipe", "recipe"]

GOLDEN = 32
BESIDE = 200
"""Held-out rows that are moved to a split value of the trees for the parity check."""


class StruggleRecipe(Recipe[StruggleQuestion]):
    """Trains one version for any objective with known assessments."""

    app = app
    schema = data.SCHEMA
    target = "struggles"
    forbidden = data.FORBIDDEN
    question_needs = "it needs the joined tables of a student, and the day on which is asked"
    keys = ("student", *data.GROUPS)
    implausible = 0.94  # AUROC 0.97; on the real set, it is 0.82 over all days
    carriers: ClassVar = {"assessments": "it holds all results of the student so far"}
    tables = data.TABLES
    defaults = DEFAULTS
    objective = ("brier", "all")
    real_data = RealData(
        name="OULAD",
        files=("struggle",),
        floors=(
            *floors_of("day 60", auroc=0.770, accuracy=0.727, recall=0.597),
            *floors_of("day 120", auroc=0.838, accuracy=0.781, recall=0.664),
            *floors_of("day 180", auroc=0.893, accuracy=0.823, recall=0.726),
        ),
        plain="XGBoost",
    )

    join = staticmethod(data.join)
    split = staticmethod(data.cut)
    space = staticmethod(space)
    checks = staticmethod(report.gate)

    def generate(self, seed: int) -> pd.DataFrame:
        """Return synthetic students of two modules; see `synthetic.py`."""
        return data.join(synthetic.generate(seed))

    def tidy(self, raw: pd.DataFrame, options: RecipeOptions) -> pd.DataFrame:
        """See `data.tidy`."""
        return data.tidy(raw)

    def fit(self, split: Split, trainer: Trainer) -> Fitted:
        """Fit one booster and calibrate it by day."""
        train, validation = _table(split.train), _table(split.validation)
        trainer.log(f"{len(train[0])} rows to fit on, {len(validation[0])} to stop and calibrate on")
        model = fit_model(train, validation, trainer)
        gains = model.booster.get_score(importance_type="total_gain")
        return Fitted(
            predict=model.predict,
            context=model.context,
            files={BOOSTER_NAME: bytes(model.booster.save_raw("ubj"))},
            params={
                **PARAMS,
                **trainer.tuned(DEFAULTS),
                "miss_cost": MISS_COST,
                "rounds": model.booster.num_boosted_rounds(),
            },
            importance={name: float(gains.get(f"f{column}", 0.0)) for column, name in enumerate(FEATURES)},
            model=model,
        )

    def evaluate(self, fitted: Fitted, split: Split) -> Evaluation:
        """Compare every test row with the rule, which is calibrated in the same way."""
        features, _ = _table(split.test)
        model: StruggleModel = fitted.model
        rows = report.judged(split.test, fitted.predict({"features": features}), model.baseline(features))
        return report.named(report.evaluation(rows, seed=7), split.test)

    def judged(self, fitted: Fitted, split: Split) -> Evaluation:
        """Evaluate every test row, without the rule."""
        probability = fitted.predict({"features": _table(split.test)[0]})["probability"][:, 0]
        rows = pd.DataFrame(
            {
                "actual": split.test["struggles"].to_numpy(),
                "predicted": probability.astype(np.float64),
                "slice": split.test["day"].map("day {}".format).to_numpy(),
            }
        )
        return report.named(Evaluation(metrics=(), rows=rows, kind="probabilities"), split.test)

    def inputs(self, test: pd.DataFrame) -> tuple[str, ...]:
        """Return the columns of a student's record."""
        return ("registered", "attempts", "credits", "education", "assessments")

    def export(self, fitted: Fitted) -> onnx.ModelProto:
        """Export trees, calibration and thresholds as one graph."""
        model: StruggleModel = fitted.model
        return graph(model)

    def parity_inputs(self, fitted: Fitted, split: Split) -> Arrays:
        """Return test rows, rows near split values and near the boundaries of days, extreme rows and NaN rows."""
        held_out, _ = _table(split.test)
        moved = np.tile(held_out[:BESIDE], (2, 1))
        for column, values in thresholds(fitted.model.booster).items():
            picked = np.resize(values, BESIDE)
            moved[:, column] = np.concatenate([picked, np.nextafter(picked, np.float32(-np.inf))])
        days = held_out[: 2 * len(DAYS)].copy()
        days[:, DAY_COLUMN] = np.resize(
            np.array([45, 90, 150, 1, 240, 44.99, 90.01, np.nan], np.float32), len(days)
        )
        extremes = np.array([[0.0], [3e38], [-3e38], [np.nan]], np.float32).repeat(len(FEATURES), axis=1)
        return {"features": np.concatenate([held_out, moved, days, extremes])}

    def golden(self, split: Split) -> list[StruggleQuestion]:
        """Return rows of the test part as questions."""
        return questions(split.test.iloc[:: max(1, len(split.test) // GOLDEN)])

    def decisions(self, outputs: Arrays) -> Arrays:
        """Return whether each student is flagged."""
        return {"struggles": outputs["probability"] - outputs["threshold"]}


def _table(part: pd.DataFrame) -> Table:
    """Return features and target of rows of the tidy table."""
    return compute(questions(part)), part["struggles"].to_numpy(dtype=np.float32)


recipe = StruggleRecipe()
