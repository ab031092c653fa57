"""The matching app."""

from __future__ import annotations

from apps.matching.schema import EXAMPLE, MatchAnswer, MatchContext, MatchQuestion
from apps.matching.serve.collection import collection
from apps.matching.serve.decide import decide
from apps.matching.serve.features import FEATURES, encode
from apps.matching.serve.tokens import SLOTS
from serving.kernel.app import App
from serving.kernel.tensors import TensorSpec

__all__ = ["app"]

app = App(
    name="matching",
    summary="Rank the availabilities that meet a requirement, with scores and reasons.",
    question=MatchQuestion,
    answer=MatchAnswer,
    context=MatchContext,
    example=EXAMPLE,
    inputs=(
        TensorSpec("pairs", "FP32", (-1, -1, len(FEATURES))),
        TensorSpec("requirement", "INT32", (-1, SLOTS)),
        TensorSpec("availability", "INT32", (-1, -1, SLOTS)),
        TensorSpec("shared", "UINT8", (-1, -1, SLOTS)),
    ),
    outputs=(TensorSpec("score", "FP32", (-1, -1)),),
    feature_names=FEATURES,
    features=encode,
    decide=decide,
    collection=collection,
    tolerance=1e-4,
)
