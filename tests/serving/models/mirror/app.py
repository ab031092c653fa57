"""An app whose model is one of tests/serving/models/models.py; its `features` and `decide` are never called."""

from __future__ import annotations

import msgspec

from serving.kernel.app import App
from tests.serving.models.models import spec


class Nothing(msgspec.Struct, frozen=True):
    pass


app: App[Nothing, Nothing, Nothing] = App(
    name="mirror",
    package="tests.serving.models",
    summary="Turns numbers round.",
    question=Nothing,
    answer=Nothing,
    context=Nothing,
    example=Nothing(),
    inputs=spec("x", "FP32", 1000),
    outputs=spec("y", "FP32", 1000),
    feature_names=(),
    features=lambda questions, context: {},
    decide=lambda questions, outputs, context: [],
)
