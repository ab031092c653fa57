"""The struggle app."""

from __future__ import annotations

from serving.apps.struggle.columns import FEATURES
from serving.apps.struggle.decide import OUTPUTS, decide
from serving.apps.struggle.explain import explainer
from serving.apps.struggle.features import encode
from serving.apps.struggle.rules import fallback
from serving.apps.struggle.schema import (
    EXAMPLE,
    StruggleAnswer,
    StruggleContext,
    StruggleExplanation,
    StruggleQuestion,
)
from serving.apps.struggle.stored import source
from serving.inference.contract import App, TensorSpec

__all__ = ["app"]

app = App(
    name="struggle",
    summary="Probability that a student will not pass a learning objective, with reasons.",
    question=StruggleQuestion,
    answer=StruggleAnswer,
    context=StruggleContext,
    example=EXAMPLE,
    inputs=(TensorSpec("features", "FP32", (-1, len(FEATURES))),),
    outputs=tuple(TensorSpec(name, "FP32", (-1, 1)) for name in OUTPUTS),
    feature_names=FEATURES,
    features=encode,
    decide=decide,
    explainer=explainer,
    explanation=StruggleExplanation,
    source=source,
    fallback=fallback,
    # TreeSHAP and the graph add the leaves up in another order.
    tolerance=1e-5,
)
