"""The vendor app."""

from __future__ import annotations

from serving.apps.vendor.columns import FEATURES
from serving.apps.vendor.decide import OUTPUTS, decide
from serving.apps.vendor.explain import explainer
from serving.apps.vendor.features import encode
from serving.apps.vendor.schema import EXAMPLE, VendorAnswer, VendorContext, VendorExplanation, VendorQuestion
from serving.inference.contract import App, TensorSpec

__all__ = ["app"]

app = App(
    name="vendor",
    summary="Risk that a vendor's shipment is delivered late, with the reasons.",
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
