"""What a converter gives back."""

from __future__ import annotations

from dataclasses import dataclass

import onnx

from training.added.sources.exchange import Native

__all__ = ["ML_OPSET", "OPSET", "ROWS", "Converted"]

OPSET, ML_OPSET = 18, 3
"""What converters may use; ONNX Runtime and Triton's image support it."""
ROWS = 256
"""Rows that a model and its ONNX graph both answer."""


@dataclass(frozen=True, kw_only=True)
class Converted:
    """A graph, and what the model itself answers to some rows."""

    model: onnx.ModelProto
    native: Native
    columns: tuple[str, ...] = ()
    """Names of the values of the only input, in order; none if it has none, or if the inputs have the names."""
    labels: tuple[str, ...] = ()
    """Names of the classes, in the order of the scores."""
    notes: tuple[str, ...] = ()
