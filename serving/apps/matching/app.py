"""The matching app."""

from __future__ import annotations

from serving.apps.matching.collection import collection
from serving.apps.matching.decide import decide
from serving.apps.matching.features import FEATURES, encode
from serving.apps.matching.schema import EXAMPLE, MatchAnswer, MatchContext, MatchQuestion
from serving.apps.matching.tokens import SLOTS
from serving.inference.contract import App, TensorSpec

__all__ = ["app"]

app = App(
    name="matching",
    summary="Which availabilities meet a requirement, best first, with a score and reasons.",
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
