"""Training recipe of the vendor app. The pipeline calls these methods in the order below."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import onnx
import pandas as pd

from apps.vendor.app import app
from apps.vendor.schema import VendorContext, VendorQuestion
from apps.vendor.serve.columns import RATE_COLUMN
from apps.vendor.serve.explain import BOOSTER_NAME
from apps.vendor.train import data, history, model, report, synthetic
from apps.vendor.train.golden import golden, parity_rows
from serving.kernel.tensors import Arrays
from training.fit.trainer import Trainer
from training.measures.classification import alerts_at
from training.onnx.trees import thresholds
from training.recipe import Evaluation, Fitted, RealData, Recipe, RecipeOptions, Split, floors_of

__all__ = ["VendorRecipe", "recipe"]


class VendorRecipe(Recipe[VendorQuestion]):
    """Trains one version on the shipments of a table."""

    app = app
    schema = data.SCHEMA
    time_column = "asked"
    target = "late"
    forbidden = data.FORBIDDEN
    question_needs = "it needs the past deliveries of the vendor, and the day on which is asked"
    implausible = 0.9  # AUROC 0.95; on the real set, it is 0.88
    carriers: ClassVar = {"history": "the vendor's own past deliveries are the main sign of the next"}
    defaults = model.DEFAULTS
    objective = ("brier", "7 days ahead")
    real_data = RealData(
        name="SCMS",
        files=("vendor/SCMS_Delivery_History_Dataset.csv",),
        floors=tuple(
            floor
            for notice in (7, 30, 60)
            for floor in floors_of(report.slice_of(notice), auroc=0.806, average_precision=0.293)
        ),
        plain="XGBoost on the vendor's past",
    )

    generate = staticmethod(synthetic.generate)
    split = staticmethod(data.cut)
    space = staticmethod(model.space)
    checks = staticmethod(report.gate)

    def tidy(self, raw: pd.DataFrame, options: RecipeOptions) -> pd.DataFrame:
        """Convert the SCMS layout or the plain one to one row per shipment and day of the question."""
        return history.questions_of(data.shipments(raw))

    def fit(self, split: Split, trainer: Trainer) -> Fitted:
        """Fit one booster, its calibration and the thresholds of the levels."""
        trainer.log(f"{len(split.train)} questions to fit on, {len(split.validation)} to stop and calibrate on")
        fitted = model.fit_model(split.train, split.validation, trainer)
        return Fitted(
            predict=fitted.predict,
            context=fitted.context,
            files={BOOSTER_NAME: bytes(fitted.booster.save_raw("ubj"))},
            params={
                **model.PARAMS,
                **trainer.tuned(model.DEFAULTS),
                "rounds": fitted.booster.num_boosted_rounds(),
            },
            importance=model.importance(fitted.booster),
            model=fitted,
        )

    def evaluate(self, fitted: Fitted, split: Split) -> Evaluation:
        """Evaluate every test question; the baseline's threshold is also from the validation part."""
        rates = self._features(fitted, split.validation)[:, RATE_COLUMN]
        threshold = alerts_at(rates, model.BUDGETS["high"])
        outputs = fitted.predict({"features": self._features(fitted, split.test)})
        rows = report.judged(split.test, outputs, threshold)
        return report.named(report.evaluation(rows, seed=7), rows["week"], split.test)

    judged = evaluate

    def inputs(self, test: pd.DataFrame) -> tuple[str, ...]:
        """Return the columns of a shipment that the features read, and the packed history."""
        return (*history.WORDS, *history.NUMBERS, "ordered", "history")

    def answers(self, fitted: Fitted, split: Split) -> Evaluation:
        """Return outcomes and probabilities of the test questions."""
        probability = fitted.predict({"features": self._features(fitted, split.test)})["probability"][:, 0]
        rows = pd.DataFrame({"actual": split.test["late"].to_numpy(), "predicted": probability.astype(np.float64)})
        return Evaluation(metrics=(), rows=rows, kind="probabilities")

    def export(self, fitted: Fitted) -> onnx.ModelProto:
        """Export the booster, its calibration and the thresholds as one graph."""
        return model.graph(fitted.model)

    def parity_inputs(self, fitted: Fitted, split: Split) -> Arrays:
        """Return test rows, rows at and next to the booster's split values, extreme rows and NaN rows."""
        rows = parity_rows(self._features(fitted, split.test), thresholds(fitted.model.booster))
        return {"features": rows}

    def golden(self, split: Split) -> list[VendorQuestion]:
        """Return questions of the test part."""
        return golden(split.test)

    def decisions(self, outputs: Arrays) -> Arrays:
        """Return whether the probability exceeds the threshold of each level."""
        return {"risk": outputs["excess"]}

    def _features(self, fitted: Fitted, part: pd.DataFrame) -> model.Floats:
        context = fitted.context
        if not isinstance(context, VendorContext):
            raise TypeError(f"the context must be a VendorContext, not a {type(context).__name__}")
        return model.table(part, context.base_rate)[0]


recipe = VendorRecipe()
