"""The fraud app's training side: what the pipeline calls, in the order it calls it."""

from __future__ import annotations

from dataclasses import replace

import onnx
import pandas as pd

from apps.fraud.app import app
from apps.fraud.schema import FraudQuestion
from apps.fraud.serve.features import table
from apps.fraud.train import data, report, synthetic
from apps.fraud.train.golden import golden, parity_rows
from apps.fraud.train.graph import graph
from apps.fraud.train.model import DEFAULTS, PARAMS, FraudModel, fit_model, space
from serving.kernel.tensors import Arrays
from training.errors import DataError
from training.fit.trainer import Trainer
from training.recipe import Evaluation, Fitted, RealData, Recipe, Split, floors_of

__all__ = ["FraudRecipe", "recipe"]


class FraudRecipe(Recipe[FraudQuestion]):
    """Trains one version for the features of a table."""

    app = app
    schema = data.SCHEMA
    target = data.LABEL
    forbidden = data.FORBIDDEN
    selectable = ("label", "budget")
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
        """Scaling, network and typical errors from normal records; thresholds from all of validation."""
        names = data.features_of(split.train)
        model = fit_model(data.matrix(split.train), data.matrix(split.validation), names, trainer)
        context = report.with_thresholds(
            model.context,
            _scored(model, split.validation),
            split.description["prevalence"]["all"],
            split.description["alert_budget"],
        )
        model = replace(model, context=context)
        trainer.log(f"alerts above {context.high:.3g}, watched above {context.medium:.3g}")
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
        """On the test part, beside the distance from the median."""
        model: FraudModel = fitted.model
        validation, test = _scored(model, split.validation), _scored(model, split.test)
        return report.evaluation(validation, test, model.context, seed=7)

    def judged(self, fitted: Fitted, split: Split) -> Evaluation:
        """The test part's scores, and their places among validation's. Raises `DataError` for other features."""
        known, names = getattr(fitted.context, "features", ()), data.features_of(split.test)
        if names != known:
            raise DataError(f"the version knows the features {', '.join(known)}; the table has {', '.join(names)}")
        validation, test = (
            fitted.predict({"features": table(data.matrix(part))})["score"][:, 0]
            for part in (split.validation, split.test)
        )
        actual, record = split.test[data.LABEL].to_numpy(), data.record_of(split.test)
        rows = report.judged_rows(actual, validation, test, record)
        return Evaluation(metrics=(), rows=rows, kind="probabilities")

    def export(self, fitted: Fitted) -> onnx.ModelProto:
        """Scaling, network, errors and thresholds in one graph."""
        model: FraudModel = fitted.model
        return graph(model)

    def parity_inputs(self, fitted: Fitted, split: Split) -> Arrays:
        """Test rows, rows at the cuts of the scaling, extreme rows, NaN."""
        return {"features": parity_rows(fitted.model, split.test)}

    def golden(self, split: Split) -> list[FraudQuestion]:
        """Records of the test part, half of them anomalies."""
        return golden(split.test)

    def decisions(self, outputs: Arrays) -> Arrays:
        """MEDIUM or not, HIGH or not."""
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
    """Mean share of the score by feature."""
    some = data.matrix(part.iloc[:: max(1, len(part) // 2000)])
    shares = model.predict({"features": table(some)})["contributions"].mean(axis=0)
    return {name: float(share) for name, share in zip(model.context.features, shares, strict=False)}


recipe = FraudRecipe()
