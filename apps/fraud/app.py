"""The fraud app."""

from __future__ import annotations

from apps.fraud.schema import EXAMPLE, MAX_FEATURES, FraudAnswer, FraudContext, FraudExplanation, FraudQuestion
from apps.fraud.serve.decide import decide
from apps.fraud.serve.explain import explainer
from apps.fraud.serve.features import SLOTS, encode
from serving.kernel.app import App
from serving.kernel.tensors import TensorSpec

__all__ = ["app"]

app = App(
    name="fraud",
    summary="Anomaly detection for records: risk level, score and the features with unusual values.",
    question=FraudQuestion,
    answer=FraudAnswer,
    context=FraudContext,
    example=EXAMPLE,
    # All versions share one input width. A version with d features uses the first d slots.
    inputs=(TensorSpec("features", "FP32", (-1, MAX_FEATURES)),),
    outputs=(
        TensorSpec("score", "FP32", (-1, 1)),
        TensorSpec("margins", "FP32", (-1, 2)),
        TensorSpec("contributions", "FP32", (-1, MAX_FEATURES)),
    ),
    feature_names=SLOTS,
    features=encode,
    decide=decide,
    explainer=explainer,
    explanation=FraudExplanation,
    tolerance=1e-3,
)
