"""Exact TreeSHAP contributions to an answer, from the native boosters in the version's folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from apps.price.schema import Contribution, PriceAnswer, PriceContext, PriceExplanation, PriceQuestion
from apps.price.serve.calibrate import SCALES, finish, step_of
from apps.price.serve.columns import FEATURES
from apps.price.serve.decide import decide, rupees
from serving.kernel.app import Explainer
from serving.kernel.scores import largest_first, tree_shap
from serving.kernel.tensors import Arrays

__all__ = ["FAR_NAME", "NEAR_NAME", "explainer"]

NEAR_NAME = "booster-near.ubj"
"""The booster for the next trading day."""
FAR_NAME = "booster-far.ubj"
"""The booster for later trading days."""


def explainer(folder: Path, context: PriceContext) -> Explainer:
    """Open the boosters of a version. Raises `xgboost.core.XGBoostError` if the file is not a booster."""
    import xgboost

    near, far = (xgboost.Booster(model_file=folder / name) for name in (NEAR_NAME, FAR_NAME))

    def explain(questions: Sequence[PriceQuestion], inputs: Arrays) -> list[PriceExplanation]:
        features = inputs["features"]
        step = step_of(features)
        rows = xgboost.DMatrix(features, nthread=1)
        raw = np.where(step == 0, near.predict(rows), far.predict(rows))
        answers = decide(questions, finish(features, raw, context), context)
        near_shares, far_shares = (tree_shap(booster, features) for booster in (near, far))
        shares = np.where(step[:, None] == 0, near_shares, far_shares) * SCALES[step][:, None]
        return [_explanation(*row) for row in zip(answers, features, shares, strict=True)]

    return explain


def _explanation(
    answer: PriceAnswer, features: npt.NDArray[Any], shares: npt.NDArray[np.float64]
) -> PriceExplanation:
    """Return shares of log(price / last) and, by the logarithmic mean of both prices, of the INR difference."""
    total = float(shares.sum())
    mean = answer.last_price
    if abs(total) > 1e-9:
        mean = (rupees(answer.last_price, total) - answer.last_price) / total
    contributions = tuple(
        Contribution(
            feature=one.feature,
            value=one.value,
            contribution=one.share,
            contribution_inr=one.share * mean,
        )
        for one in largest_first(FEATURES, features, shares[:-1])
    )
    base = float(shares[-1])
    return PriceExplanation(answer=answer, base=base, base_inr=base * mean, contributions=contributions)
