"""What a version of an added model knows of its questions and answers; `context` in its manifest."""

from __future__ import annotations

from typing import Any

import msgspec

from serving.kernel.app import ONNX_BACKEND, ONNX_PLATFORM

__all__ = ["AddedContext", "Column"]


class Column(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One field of a question."""

    name: str
    tensor: str
    """The model's input that it goes to."""
    position: int = -1
    """Its index on the last axis of the tensor; -1: the field is the whole row of the tensor."""
    optional: bool = False
    """Whether it may be left out or null, which the model gets as NaN."""


class AddedContext(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The columns of a model in the order of arrays, and how its outputs become answers."""

    columns: tuple[Column, ...]
    example: dict[str, Any]
    """One question."""
    labels: tuple[str, ...] = ()
    """Names of the classes, in the order of the scores."""
    index: str = ""
    """The output that has the number of a row's class; empty: the class with the largest score."""
    numbers: tuple[int, ...] = ()
    """What that output says for each class, in the order of `labels`; empty: the class's place from 0 on."""
    scores: str = ""
    """The output that has a score for each class; empty: none has."""
    softmax: bool = False
    """Whether the scores are no probabilities yet."""
    alone: str = ""
    """Why rows run one at a time; empty: rows of several requests share batches."""
    ragged: bool = False
    """Whether free axes at the same position of several inputs may have different sizes."""
    unsteady: bool = False
    """Whether the time of a run may depend on the values of a row."""
    row_axis: bool = True
    """Whether Triton's model has a row axis; false: a request has one row, and its tensors are the row."""
    triton_platform: str = ONNX_PLATFORM
    """What Triton's configuration of the model says; empty where `triton_backend` says it all."""
    triton_backend: str = ONNX_BACKEND
    """The same; empty for an ensemble, which has none."""
    nodes: dict[str, str] = {}
    """Nodes of the graph that read one column only -> the column: the engine's errors name a node."""
    tolerance: float = 1e-4
    """The largest difference of an output, absolute and relative to it, between two runs of the same graph."""
    judged: bool = False
    """Whether the model was measured against known answers."""
