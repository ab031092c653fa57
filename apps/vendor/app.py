"""The vendor app."""

from __future__ import annotations

from apps.vendor.schema import EXAMPLE, VendorAnswer, VendorContext, VendorExplanation, VendorQuestion
from apps.vendor.serve.columns import FEATURES
from apps.vendor.serve.decide import OUTPUTS, decide
from apps.vendor.serve.explain import explainer
from apps.vendor.serve.features import encode
from serving.kernel.app import App
from serving.kernel.tensors import TensorSpec

__all__ = ["app"]

app = App(
    name="vendor",
    summary="Risk that a vendor's shipment is delivered late, with reasons.",
    question=VendorQuestion,
    answer=VendorAnswer,
    context=VendorContext,
    example=EXAMPLE,
    inputs=(TensorSpec("features", "FP32", (-1, len(FEATURES))),),
    outputs=tuple(TensorSpec(name, "FP32", (-1, width)) for name, width in OUTPUTS.items()),
    feature_names=FEATURES,
    features=encode,
    decide=decide,
    explainer=explainer,
    explanation=VendorExplanation,
    tolerance=1e-5,
)
