"""Exact TreeSHAP contributions behind an answer, from the native booster kept in the version's folder."""

from __future__ import annotations

import math
from collections.abc import Sequence
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from serving.apps.struggle.calibrate import finish, place_of
from serving.apps.struggle.columns import COLUMNS
from serving.apps.struggle.decide import decide
from serving.apps.struggle.schema import (
    StruggleAnswer,
    StruggleContext,
    StruggleContribution,
    StruggleExplanation,
    StruggleQuestion,
)
from serving.inference.contract import Arrays, Explainer

__all__ = ["BOOSTER_NAME", "explainer"]

BOOSTER_NAME = "booster.ubj"
_share = attrgetter("contribution")


def explainer(folder: Path, context: StruggleContext) -> Explainer:
    """Open the booster of a version. Raises `xgboost.core.XGBoostError` for a file that is not one."""
    import xgboost

    booster = xgboost.Booster(model_file=folder / BOOSTER_NAME)

    def explain(questions: Sequence[StruggleQuestion], inputs: Arrays) -> list[StruggleExplanation]:
        features = inputs["features"]
        rows = xgboost.DMatrix(features, nthread=1)
        raw = booster.predict(rows, output_margin=True)
        answers = decide(questions, finish(features, raw, context), context)
        place = place_of(features)
        shares = booster.predict(rows, pred_contribs=True).astype(np.float64)
        shares *= np.array(context.slopes)[place, None]
        shares[:, -1] += np.array(context.shifts)[place]
        return [_explanation(*row) for row in zip(answers, features, shares, strict=True)]

    return explain


def _explanation(
    answer: StruggleAnswer, features: npt.NDArray[Any], shares: npt.NDArray[np.float64]
) -> StruggleExplanation:
    parts = [
        StruggleContribution(
            feature=name, words=words, value=None if math.isnan(value) else value, contribution=share
        )
        for (name, words), value, share in zip(
            COLUMNS.items(), features.tolist(), shares[:-1].tolist(), strict=True
        )
    ]
    parts.sort(key=lambda part: abs(_share(part)), reverse=True)
    return StruggleExplanation(answer=answer, base=float(shares[-1]), contributions=tuple(parts))
