"""Convert the booster's margin to the model's outputs, in NumPy: the same steps as the tail of the ONNX graph."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from apps.vendor.schema import VendorContext
from apps.vendor.serve.columns import RATE_COLUMN
from serving.kernel.scores import sigmoid
from serving.kernel.tensors import Arrays

__all__ = ["finish", "thresholds"]

Floats = npt.NDArray[np.float32]


def thresholds(context: VendorContext) -> Floats:
    """Return the probabilities above which the risk is elevated and high."""
    return np.array([context.elevated, context.high], dtype=np.float32)


def finish(features: npt.NDArray[np.float32], margin: npt.NDArray[np.float64], context: VendorContext) -> Arrays:
    """Return the app's outputs from the booster's margin [n] and its input [n, F]."""
    scaled = margin.astype(np.float32) * np.float32(context.slope) + np.float32(context.intercept)
    log_odds = scaled.astype(np.float32)[:, None]
    probability = sigmoid(log_odds)
    return {
        "log_odds": log_odds,
        "probability": probability,
        "excess": probability - thresholds(context),
        "vendor_rate": features[:, RATE_COLUMN, None].astype(np.float32),
    }
