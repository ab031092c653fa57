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
    summary="How unusual a record is among normal ones: risk level, score and the features that stand out.",
    question=FraudQuestion,
    answer=FraudAnswer,
    context=FraudContext,
    example=EXAMPLE,
    # One width for all versions: a version uses as many slots, from the left, as it was trained with features.
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
