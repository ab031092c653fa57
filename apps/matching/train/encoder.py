"""The encoder that finds candidates: the learned encoding, and a sketch of the text's weighted tokens.

The learned part alone has too few dimensions to distinguish thousands of lots. In the sketch, each token adds its
weight to a few positions with random signs, drawn once. The inner product of two sketches approximates the
TF-IDF cosine of the texts, and new words need no fitting.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import onnx
import torch
from onnx import TensorProto, helper

from apps.matching.serve.collection import WIDTH
from apps.matching.serve.tokens import NAME_GRAMS, NAME_WORDS, SLOTS, VOCABULARY
from apps.matching.train.fit import MatchModel
from apps.matching.train.graph import Builder, encoded
from apps.matching.train.network import TINY
from apps.matching.train.network import WIDTH as LEARNED
from serving.kernel.collection import EMBEDDING
from serving.kernel.tensors import Arrays
from training.onnx.export import assemble

__all__ = ["SHARE", "embed", "encoder_graph", "parity_tokens"]

Floats = npt.NDArray[np.float32]

SKETCH = WIDTH - LEARNED
SHARE = 0.1
"""Share of the learned part in the inner product."""
SPREAD = 4
"""Number of positions to which each token adds."""
NAME_WEIGHT = 2.0
"""Weight of a token of the name relative to a token of the other text."""
CHUNK = 1024


def embed(model: MatchModel, tokens: npt.NDArray[np.int32]) -> Floats:
    """Encode tokenized texts [n, 256] to vectors [n, 256] of length 1, with PyTorch and NumPy."""
    parts = [_embed(model, tokens[start : start + CHUNK]) for start in range(0, len(tokens), CHUNK)]
    return np.concatenate(parts)


def encoder_graph(model: MatchModel) -> onnx.ModelProto:
    """Return `embed` as one ONNX graph."""
    build = Builder()
    low, high = build.hold(0, np.int32), build.hold(VOCABULARY - 1, np.int32)
    ids = build.do("Clip", "tokens", low, high)
    first = build.hold([1], np.int64)
    learned = build.do("Squeeze", encoded(build, build.do("Unsqueeze", ids, first), model), first)
    sketch = _sketch_nodes(build, ids, model.network.weights.numpy())
    parts = [
        build.do("Mul", part, build.hold(share**0.5)) for part, share in ((learned, SHARE), (sketch, 1 - SHARE))
    ]
    _unit(build, build.do("Concat", *parts, axis=1), EMBEDDING)
    value = helper.make_tensor_value_info
    return assemble(
        "matching_encoder",
        build.nodes,
        [value("tokens", TensorProto.INT32, ["row", SLOTS])],
        [value(EMBEDDING, TensorProto.FLOAT, ["row", WIDTH])],
        build.constants,
    )


def parity_tokens(tokens: npt.NDArray[np.int32]) -> Arrays:
    """Return tokenized texts, then an empty text and tokens outside the vocabulary."""
    odd = np.zeros((4, SLOTS), np.int32)
    for row, token in enumerate((0, VOCABULARY - 1, VOCABULARY, -1)):
        odd[row, : 1 + row] = token
    return {"tokens": np.concatenate([tokens, odd])}


def _embed(model: MatchModel, tokens: npt.NDArray[np.int32]) -> Floats:
    ids = np.clip(tokens, 0, VOCABULARY - 1).astype(np.int64)
    with torch.no_grad():
        learned = model.network.encode(torch.from_numpy(ids)).numpy()
    places, signs = _draw()
    values = (signs * model.network.weights.numpy()[:, None])[ids] * _slot_weights()
    at = places[ids].astype(np.int64) + SKETCH * np.arange(len(ids))[:, None, None]
    summed = np.bincount(at.reshape(-1), values.reshape(-1), len(ids) * SKETCH)
    sketch = _of_unit_length(summed.reshape(len(ids), SKETCH).astype(np.float32))
    return _of_unit_length(np.concatenate([learned * SHARE**0.5, sketch * (1 - SHARE) ** 0.5], axis=1))


def _sketch_nodes(build: Builder, ids: str, weights: Floats) -> str:
    places, signs = _draw()
    flat = build.hold([0, SLOTS * SPREAD], np.int64)
    at = build.do("Reshape", build.do("Gather", build.hold(places, np.int32), ids), flat)
    signed = build.do("Gather", build.hold(signs * weights[:, None]), ids)
    values = build.do("Reshape", build.do("Mul", signed, build.hold(_slot_weights())), flat)
    rows = build.do("Slice", build.do("Shape", ids), build.hold([0], np.int64), build.hold([1], np.int64))
    size = build.do("Concat", rows, build.hold([SKETCH], np.int64), axis=0)
    empty = build.do("ConstantOfShape", size)
    return _unit(build, build.do("ScatterElements", empty, at, values, axis=1, reduction="add"))


def _unit(build: Builder, vectors: str, out: str = "") -> str:
    length = build.do("Add", build.total(vectors, 1, op="ReduceL2"), build.hold(TINY))
    return build.do("Div", vectors, length, out=out)


def _of_unit_length(vectors: Floats) -> Floats:
    scaled: Floats = vectors / (np.linalg.norm(vectors, axis=1, keepdims=True) + np.float32(TINY))
    return scaled.astype(np.float32)


def _slot_weights() -> Floats:
    """[256, 1]"""
    weights = np.ones((SLOTS, 1), np.float32)
    weights[NAME_GRAMS] = weights[NAME_WORDS] = NAME_WEIGHT
    return weights


def _draw() -> tuple[npt.NDArray[np.int32], Floats]:
    """Return the positions and signs of every token, [V, 4]; the result never varies."""
    random = np.random.default_rng(16)
    places = random.integers(0, SKETCH, (VOCABULARY, SPREAD)).astype(np.int32)
    signs = random.choice(np.array([-1, 1], np.float32), (VOCABULARY, SPREAD))
    return places, signs
