"""Exact TreeSHAP contributions to an answer, from the native booster in the version's folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from apps.struggle.schema import (
    StruggleAnswer,
    StruggleContext,
    StruggleContribution,
    StruggleExplanation,
    StruggleQuestion,
)
from apps.struggle.serve.calibrate import finish, place_of
from apps.struggle.serve.columns import COLUMNS, FEATURES
from apps.struggle.serve.decide import decide
from serving.kernel.app import Explainer
from serving.kernel.scores import largest_first, tree_shap
from serving.kernel.tensors import Arrays

__all__ = ["BOOSTER_NAME", "explainer"]

BOOSTER_NAME = "booster.ubj"


def explainer(folder: Path, context: StruggleContext) -> Explainer:
    """Open the booster of a version. Raises `xgboost.core.XGBoostError` if the file is not a booster."""
    import xgboost

    booster = xgboost.Booster(model_file=folder / BOOSTER_NAME)

    def explain(questions: Sequence[StruggleQuestion], inputs: Arrays) -> list[StruggleExplanation]:
        features = inputs["features"]
        raw = booster.predict(xgboost.DMatrix(features, nthread=1), output_margin=True)
        answers = decide(questions, finish(features, raw, context), context)
        place = place_of(features)
        shares = tree_shap(booster, features) * np.array(context.slopes)[place, None]
        shares[:, -1] += np.array(context.shifts)[place]
        return [_explanation(*row) for row in zip(answers, features, shares, strict=True)]

    return explain


def _explanation(
    answer: StruggleAnswer, features: npt.NDArray[Any], shares: npt.NDArray[np.float64]
) -> StruggleExplanation:
    parts = [
        StruggleContribution(
            feature=one.feature, words=COLUMNS[one.feature], value=one.value, contribution=one.share
        )
        for one in largest_first(FEATURES, features, shares[:-1])
    ]
    return StruggleExplanation(answer=answer, base=float(shares[-1]), contributions=tuple(parts))
