"""Training recipe of the quality app. The pipeline calls these methods in the order below."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import pandas as pd

from apps.quality.app import app
from apps.quality.schema import QualityContext, QualityQuestion
from apps.quality.serve.features import Lots, compute
from apps.quality.train import data, golden, model, report, synthetic, watch
from apps.quality.train.baseline import fit_baseline
from apps.quality.train.graph import graph, split_values
from apps.quality.train.lots import ALARM_SHARE, alone, context_of, hidden, with_history
from apps.quality.train.model import Grader, QualityModel, Watch
from serving.kernel.storage.version_manifest import Check
from serving.kernel.tensors import Arrays
from training.errors import DataError
from training.fit.trainer import Trainer
from training.recipe import (
    Evaluation,
    Fitted,
    QuestionColumns,
    RealData,
    Recipe,
    RecipeOptions,
    Split,
    floors_of,
)

__all__ = ["QualityRecipe", "recipe"]

Floats = npt.NDArray[np.float64]

SEED = 7
HIDDEN = 0.25
"""Share of missing measurements in the lots for the second grader."""


class QualityRecipe(Recipe[QualityQuestion]):
    """Trains one version for the measurements and grades of a table."""

    app = app
    schema = data.SCHEMA
    target = "grade"
    forbidden = data.FORBIDDEN
    keys = data.KEYS
    defaults = model.DEFAULTS
    objective = ("log_loss", "all")
    real_data = RealData(
        name="Dry Bean",
        files=("quality/Dry_Bean_Dataset.csv",),
        floors=floors_of("all", accuracy=0.923, macro_f1=0.934),
        plain="RandomForest",
    )

    generate = staticmethod(synthetic.generate)
    split = staticmethod(data.cut)
    space = staticmethod(model.space)

    def tidy(self, raw: pd.DataFrame, options: RecipeOptions) -> pd.DataFrame:
        """Return one row per distinct lot; columns that are not measurements are refused."""
        return data.tidy(raw)

    def nest(self, frame: pd.DataFrame) -> Split:
        """Split by a different hash; the test groups of the first split are not in this table."""
        return data.cut(frame, seed=8)

    def fit(self, split: Split, trainer: Trainer) -> Fitted:
        """Fit the forests on `train`, and calibration and alarm thresholds on `validation`."""
        context = context_of(split.train)
        train, validation = alone(split.train), alone(split.validation)
        trainer.log(f"{len(train.values)} lots to fit on, {len(validation.values)} to calibrate on")
        chosen = trainer.tuned(model.DEFAULTS)
        whole, patchy, axes = _graders(split, context, trainer.seed, chosen)
        watches = [
            (train, validation),
            (
                with_history(split.train, split.train, trainer.seed),
                with_history(split.validation, split.train, trainer.seed + 1),
            ),
        ]
        crowd, own = (_watch(*lots, context, trainer.seed) for lots in watches)
        fitted = QualityModel(whole, patchy, axes, crowd, own, context)
        nodes = sum(tree.tree_.node_count for one in (whole, patchy) for tree in one.forest.estimators_)
        return Fitted(
            predict=fitted.predict,
            context=context,
            files={},
            params={
                **model.PARAMS,
                **chosen,
                "forest.nodes": nodes,
                "calibration.slope": round(whole.slope, 4),
                "calibration.slope.patchy": round(patchy.slope, 4),
            },
            importance=_importance(fitted),
            model=fitted,
        )

    def evaluate(self, fitted: Fitted, split: Split) -> Evaluation:
        """Evaluate grades against both baselines, confidence, and the anomaly flag."""
        model: QualityModel = fitted.model
        context, lots = model.context, alone(split.test)
        center = np.array(context.center)
        baseline = fit_baseline(alone(split.train).values, _coded(split.train, context), center)
        features = compute(lots, context)
        rows = report.Judged(
            _coded(split.test, context),
            split.test["group"].to_numpy(),
            lots.values,
            model.probabilities(features),
            model.raw(features),
            model.probabilities(compute(hidden(lots, HIDDEN, SEED), context)),
        )
        metrics = report.grading(rows, baseline, context.grades, SEED)
        metrics += watch.watching(model, split, SEED)
        return report.named(report.evaluation(rows, metrics, baseline, context.grades), split.test)

    def judged(self, fitted: Fitted, split: Split) -> Evaluation:
        """Return the most probable grade of each test lot. Raises `DataError` if the measurements differ."""
        context = fitted.context
        if not isinstance(context, QualityContext):
            raise TypeError(f"the context must be a QualityContext, not a {type(context).__name__}")
        names = data.measurements(split.test)
        if names != context.features:
            known = ", ".join(context.features)
            raise DataError(f"the version has the measurements {known}; the table has {', '.join(names)}")
        probabilities = fitted.predict({"features": compute(alone(split.test), context)})["probabilities"]
        likeliest = np.array(context.grades, dtype=object)[probabilities.argmax(axis=1)]
        rows = pd.DataFrame({"actual": split.test["grade"].to_numpy(), "predicted": likeliest})
        return report.named(Evaluation(metrics=(), rows=rows, kind="classes"), split.test)

    def checks(self, evaluation: Evaluation) -> Sequence[Check]:
        """Check for gains over both baselines, calibrated probabilities and the nominal share of alarms."""
        return report.gate(evaluation, ALARM_SHARE)

    def export(self, fitted: Fitted) -> onnx.ModelProto:
        """Export all forests and the steps around them as one graph."""
        model: QualityModel = fitted.model
        return graph(model)

    def parity_inputs(self, fitted: Fitted, split: Split) -> Arrays:
        """Return test rows with and without history or gaps, rows near split values, extreme rows and NaN rows."""
        model: QualityModel = fitted.model
        bare = alone(split.test)
        kinds = (bare, with_history(split.test, split.train, SEED), hidden(bare, HIDDEN, SEED))
        held_out = np.concatenate([compute(lots, model.context) for lots in kinds])
        return {"features": golden.parity_rows(held_out, split_values(model))}

    def golden(self, split: Split) -> list[QualityQuestion]:
        """Return questions of the test part with long, short and no histories."""
        return golden.golden(split.test, with_history(split.test, split.train, SEED))

    def question_columns(self, context: QualityContext) -> QuestionColumns:
        """Return the measurements: every row of a table is a lot, without a history."""
        return QuestionColumns(field="measurements", columns=context.features)

    def decisions(self, outputs: Arrays) -> Arrays:
        """Return the flag and, for each grade, its lead over the best other grade."""
        probabilities = outputs["probabilities"]
        ahead = [
            probabilities[:, grade] - np.delete(probabilities, grade, axis=1).max(axis=1)
            for grade in range(probabilities.shape[1])
        ]
        return {"anomaly": outputs["anomaly"], "grade": np.stack(ahead, axis=1)}


def _graders(
    split: Split, context: QualityContext, seed: int, chosen: Mapping[str, Any]
) -> tuple[Grader, Grader, Floats]:
    """Return the forest for complete lots, the forest for incomplete lots, and the discriminants both use."""
    parts = [(alone(part), _coded(part, context)) for part in (split.train, split.validation)]
    axes = model.fit_axes(*parts[0], context)

    def table(lots: Lots) -> npt.NDArray[np.float32]:
        return model.grade_table(compute(lots, context), axes, context)

    train, validation = ((table(lots), grades) for lots, grades in parts)
    whole = model.fit_grader(train, validation, seed, chosen)
    train, validation = ((table(hidden(lots, HIDDEN, seed)), grades) for lots, grades in parts)
    return whole, model.fit_grader(train, validation, seed, chosen), axes


def _watch(train: Lots, validation: Lots, context: QualityContext, seed: int) -> Watch:
    forest = model.fit_watch(train, context, seed)
    return Watch(forest, model.threshold(forest, validation, context))


def _coded(frame: pd.DataFrame, context: QualityContext) -> npt.NDArray[np.intp]:
    """Return grades as positions in the context."""
    return pd.Categorical(frame["grade"], categories=list(context.grades)).codes.astype(np.intp)


def _importance(model: QualityModel) -> dict[str, float]:
    """Return the share of the impurity reduction by measurement and discriminant."""
    found = model.whole.forest.feature_importances_
    directions = [f"discriminant {number}" for number in range(1, model.axes.shape[1] + 1)]
    return dict(zip((*model.context.features, *directions), map(float, found), strict=True))


recipe = QualityRecipe()
