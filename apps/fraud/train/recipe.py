"""Training recipe of the fraud app. The pipeline calls these methods in the order below."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnx
import pandas as pd

from apps.fraud.app import app
from apps.fraud.schema import FraudContext, FraudQuestion
from apps.fraud.serve.features import table
from apps.fraud.train import data, report, synthetic
from apps.fraud.train.golden import golden, parity_rows
from apps.fraud.train.graph import graph
from apps.fraud.train.model import DEFAULTS, PARAMS, FraudModel, fit_model, space
from serving.kernel.tensors import Arrays
from training.errors import DataError
from training.fit.trainer import Trainer
from training.recipe import Evaluation, Fitted, QuestionColumns, RealData, Recipe, Split, floors_of

__all__ = ["FraudRecipe", "recipe"]


class FraudRecipe(Recipe[FraudQuestion]):
    """Trains one version for the features of a table."""

    app = app
    schema = data.SCHEMA
    target = data.LABEL
    forbidden = data.FORBIDDEN
    selectable = ("label", "budget")
    implausible = float("inf")  # a detector sees no label; honest anomalies may lie far away, as in the set `http`
    defaults = DEFAULTS
    objective = ("auroc", "all")
    real_data = RealData(
        name="mammography",
        files=("fraud/23_mammography.npz",),
        floors=floors_of("all", auroc=0.885),
        plain="autoencoder",
    )

    generate = staticmethod(synthetic.generate)
    tidy = staticmethod(data.tidy)
    split = staticmethod(data.cut)
    nest = staticmethod(data.cut_again)
    space = staticmethod(space)
    checks = staticmethod(report.gate)

    def fit(self, split: Split, trainer: Trainer) -> Fitted:
        """Fit scaling, networks and typical errors on normal records; set thresholds on all of validation."""
        names = data.features_of(split.train)
        model = fit_model(data.matrix(split.train), data.matrix(split.validation), names, trainer)
        context = report.with_thresholds(
            model.context,
            _scored(model, split.validation),
            split.description["prevalence"]["all"],
            split.description["alert_budget"],
        )
        model = replace(model, context=context)
        trainer.log(f"HIGH above {context.high:.3g}, MEDIUM above {context.medium:.3g}")
        return Fitted(
            predict=model.predict,
            context=context,
            files={},
            params={
                **PARAMS,
                **trainer.tuned(DEFAULTS),
                "features": len(names),
                "alert_budget": context.alert_budget,
            },
            importance=_importance(model, split.validation),
            model=model,
        )

    def evaluate(self, fitted: Fitted, split: Split) -> Evaluation:
        """Compare the model with the distance from the median on the test part."""
        model: FraudModel = fitted.model
        validation, test = _scored(model, split.validation), _scored(model, split.test)
        return report.evaluation(validation, test, model.context, seed=7)

    def judged(self, fitted: Fitted, split: Split) -> Evaluation:
        """Return test scores and their percentiles in validation. Raises `DataError` if the features differ."""
        known, names = getattr(fitted.context, "features", ()), data.features_of(split.test)
        if names != known:
            raise DataError(f"the version has the features {', '.join(known)}; the table has {', '.join(names)}")
        validation, test = (
            fitted.predict({"features": table(data.matrix(part))})["score"][:, 0]
            for part in (split.validation, split.test)
        )
        actual, record = split.test[data.LABEL].to_numpy(), data.record_of(split.test)
        rows = report.judged_rows(actual, validation, test, record)
        return Evaluation(metrics=(), rows=rows, kind="probabilities")

    def answers(self, fitted: Fitted, split: Split) -> Evaluation:
        """Return labels and scores of the test records."""
        score = fitted.predict({"features": table(data.matrix(split.test))})["score"][:, 0].astype(np.float64)
        rows = pd.DataFrame({"actual": split.test[data.LABEL].to_numpy(), "predicted": score})
        return Evaluation(metrics=(), rows=rows, kind="probabilities")

    def export(self, fitted: Fitted) -> onnx.ModelProto:
        """Export scaling, networks, errors and thresholds as one graph."""
        model: FraudModel = fitted.model
        return graph(model)

    def parity_inputs(self, fitted: Fitted, split: Split) -> Arrays:
        """Return test rows, rows at the scaling limits, extreme rows and NaN rows."""
        return {"features": parity_rows(fitted.model, split.test)}

    def golden(self, split: Split) -> list[FraudQuestion]:
        """Return records of the test part, half of them anomalies."""
        return golden(split.test)

    def question_columns(self, context: FraudContext) -> QuestionColumns:
        """Return the features: every row of a table is a record."""
        return QuestionColumns(field="features", columns=context.features)

    def decisions(self, outputs: Arrays) -> Arrays:
        """Return whether each record is at least MEDIUM, and whether it is HIGH."""
        return {"risk": outputs["margins"]}


def _scored(model: FraudModel, part: pd.DataFrame) -> report.Scored:
    features = data.matrix(part)
    return report.Scored(
        actual=part[data.LABEL].to_numpy(),
        score=model.predict({"features": table(features)})["score"][:, 0],
        baseline=report.distance(model.scaling, features),
        record=data.record_of(part),
    )


def _importance(model: FraudModel, part: pd.DataFrame) -> dict[str, float]:
    """Return the mean share of the score by feature."""
    some = data.matrix(part.iloc[:: max(1, len(part) // 2000)])
    shares = model.predict({"features": table(some)})["contributions"].mean(axis=0)
    return {name: float(share) for name, share in zip(model.context.features, shares, strict=False)}


recipe = FraudRecipe()
