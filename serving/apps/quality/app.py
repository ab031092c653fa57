"""The quality app."""

from __future__ import annotations

from serving.apps.quality.columns import FEATURES
from serving.apps.quality.decide import decide
from serving.apps.quality.explain import explainer
from serving.apps.quality.features import encode
from serving.apps.quality.schema import (
    EXAMPLE,
    QualityAnswer,
    QualityContext,
    QualityExplanation,
    QualityQuestion,
)
from serving.inference.contract import App, TensorSpec

__all__ = ["app"]

app = App(
    name="quality",
    summary="Grade of a lot from its measurements, with probabilities, a score and an anomaly flag.",
    question=QualityQuestion,
    answer=QualityAnswer,
    context=QualityContext,
    example=EXAMPLE,
    inputs=(TensorSpec("features", "FP32", (-1, len(FEATURES))),),
    outputs=(
        TensorSpec("score", "FP32", (-1, 1)),
        TensorSpec("probabilities", "FP32", (-1, -1)),
        TensorSpec("anomaly", "FP32", (-1, 1)),
    ),
    feature_names=FEATURES,
    features=encode,
    decide=decide,
    explainer=explainer,
    explanation=QualityExplanation,
)
