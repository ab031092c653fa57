"""The sentence embedder: a model that takes milliseconds per text, where what matters is to keep it busy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import msgspec
import numpy as np

from benchmarks.apps.answer import E, Nothing, mean_squares
from serving.kernel.app import App
from serving.kernel.tensors import Arrays, TensorSpec

__all__ = ["app"]

TOKENS = 32
WIDTH = 384
VOCABULARY = 30522
Token = Annotated[int, msgspec.Meta(ge=0, lt=VOCABULARY)]
Flag = Annotated[int, msgspec.Meta(ge=0, le=1)]
LENGTH = msgspec.Meta(min_length=TOKENS, max_length=TOKENS)


class TextQuestion(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One text, cut or padded to 32 tokens."""

    ids: Annotated[list[Token], LENGTH, msgspec.Meta(description="WordPiece ids.")]
    mask: Annotated[list[Flag], LENGTH, msgspec.Meta(description="1 where a token counts, 0 where it pads.")]


class TextAnswer(msgspec.Struct, frozen=True):
    """How long the embedding is."""

    e: E


def encode(questions: Sequence[TextQuestion], context: Nothing) -> Arrays:
    """Texts to the tensors `ids` and `mask`, INT64 [n, 32]."""
    return {
        "ids": np.array([question.ids for question in questions], np.int64),
        "mask": np.array([question.mask for question in questions], np.int64),
    }


app = App(
    name="minilm",
    summary="Mean square of the MiniLM embedding of a text of 32 tokens.",
    question=TextQuestion,
    answer=TextAnswer,
    context=Nothing,
    example=TextQuestion(ids=[101, *range(2000, 2000 + TOKENS - 2), 102], mask=[1] * TOKENS),
    inputs=(TensorSpec("ids", "INT64", (-1, TOKENS)), TensorSpec("mask", "INT64", (-1, TOKENS))),
    outputs=(TensorSpec("embedding", "FP32", (-1, WIDTH)),),
    feature_names=(),
    features=encode,
    decide=mean_squares("embedding", TextAnswer),
    package="benchmarks.apps",
)
