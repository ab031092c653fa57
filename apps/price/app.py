"""The price app."""

from __future__ import annotations

from apps.price.schema import EXAMPLE, PriceAnswer, PriceContext, PriceExplanation, PriceQuestion
from apps.price.serve.columns import FEATURES
from apps.price.serve.decide import OUTPUTS, decide
from apps.price.serve.explain import explainer
from apps.price.serve.features import encode
from serving.kernel.app import App
from serving.kernel.tensors import TensorSpec

__all__ = ["app"]

app = App(
    name="price",
    summary="Modal price of a commodity at a market, 1 to 30 trading days ahead, with an interval.",
    question=PriceQuestion,
    answer=PriceAnswer,
    context=PriceContext,
    example=EXAMPLE,
    inputs=(TensorSpec("features", "FP32", (-1, len(FEATURES))),),
    outputs=tuple(TensorSpec(name, "FP32", (-1, 1)) for name in OUTPUTS),
    feature_names=FEATURES,
    features=encode,
    decide=decide,
    explainer=explainer,
    explanation=PriceExplanation,
    tolerance=1e-5,
)
