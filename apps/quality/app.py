"""The quality app."""

from __future__ import annotations

from apps.quality.schema import EXAMPLE, QualityAnswer, QualityContext, QualityExplanation, QualityQuestion
from apps.quality.serve.columns import FEATURES
from apps.quality.serve.decide import decide
from apps.quality.serve.explain import explainer
from apps.quality.serve.features import encode
from serving.kernel.app import App
from serving.kernel.tensors import TensorSpec

__all__ = ["app"]

app = App(
    name="quality",
    summary="Grade a lot from its measurements, with probabilities, a score and an anomaly flag.",
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
