"""The demand app."""

from __future__ import annotations

from apps.demand.schema import EXAMPLE, DemandAnswer, DemandContext, DemandQuestion
from apps.demand.serve.columns import FEATURES
from apps.demand.serve.decide import OUTPUTS, decide
from apps.demand.serve.features import encode
from serving.kernel.app import App
from serving.kernel.tensors import TensorSpec

__all__ = ["app"]

app = App(
    name="demand",
    summary="Demand for a commodity on a day up to 90 days (or a month up to 12 months) ahead, with an interval.",
    question=DemandQuestion,
    answer=DemandAnswer,
    context=DemandContext,
    example=EXAMPLE,
    # FP64: FP32 has too few digits for the day number, and answers would differ from Prophet's.
    inputs=(TensorSpec("features", "FP64", (-1, len(FEATURES))),),
    outputs=tuple(TensorSpec(name, "FP64", (-1, 1)) for name in OUTPUTS),
    feature_names=FEATURES,
    features=encode,
    decide=decide,
    tolerance=1e-4,
)
