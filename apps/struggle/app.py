"""The struggle app."""

from __future__ import annotations

from apps.struggle.schema import EXAMPLE, StruggleAnswer, StruggleContext, StruggleExplanation, StruggleQuestion
from apps.struggle.serve.columns import FEATURES
from apps.struggle.serve.decide import OUTPUTS, decide
from apps.struggle.serve.explain import explainer
from apps.struggle.serve.features import encode
from apps.struggle.serve.rules import fallback
from apps.struggle.serve.stored import source
from serving.kernel.app import App
from serving.kernel.tensors import TensorSpec

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
    # TreeSHAP and the graph add the leaves in different orders.
    tolerance=1e-5,
)
