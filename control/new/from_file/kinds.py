"""The kinds of apps that a table may become, and the libraries that fit their models."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["MODELS", "Kind", "Model"]


class Kind(StrEnum):
    """What an app predicts."""

    CLASSIFICATION = "classification"
    REGRESSION = "regression"
    FORECAST = "forecast"
    TEXT = "text"


class Model(StrEnum):
    """The library that fits the model."""

    XGBOOST = "xgboost"
    LIGHTGBM = "lightgbm"
    SKLEARN = "sklearn"
    TORCH = "torch"


EVERY = (Model.XGBOOST, Model.LIGHTGBM, Model.SKLEARN, Model.TORCH)
MODELS: dict[Kind, tuple[Model, ...]] = {
    Kind.CLASSIFICATION: EVERY,
    Kind.REGRESSION: EVERY,
    Kind.FORECAST: EVERY,
    Kind.TEXT: (Model.SKLEARN,),
}
"""The models of each kind; the first is the default."""
