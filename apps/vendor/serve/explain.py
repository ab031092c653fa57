"""Exact TreeSHAP contributions to an answer, from the native booster in the version's folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from apps.vendor.schema import VendorAnswer, VendorContext, VendorContribution, VendorExplanation, VendorQuestion
from apps.vendor.serve.calibrate import finish
from apps.vendor.serve.columns import FEATURES
from apps.vendor.serve.decide import decide
from apps.vendor.serve.reasons import reasons
from serving.kernel.app import Explainer
from serving.kernel.scores import largest_first, tree_shap
from serving.kernel.tensors import Arrays

__all__ = ["BOOSTER_NAME", "explainer"]

BOOSTER_NAME = "booster.ubj"


def explainer(folder: Path, context: VendorContext) -> Explainer:
    """Open the booster of a version. Raises `xgboost.core.XGBoostError` if the file is not a booster."""
    import xgboost

    booster = xgboost.Booster(model_file=folder / BOOSTER_NAME)

    def explain(questions: Sequence[VendorQuestion], inputs: Arrays) -> list[VendorExplanation]:
        features = inputs["features"]
        margin = booster.predict(xgboost.DMatrix(features, nthread=1), output_margin=True)
        answers = decide(questions, finish(features, margin, context), context)
        # Calibration is linear in the margin, so the contributions stay exact.
        shares = tree_shap(booster, features) * context.slope
        shares[:, -1] += context.intercept
        return [_explanation(*row) for row in zip(questions, answers, features, shares, strict=True)]

    return explain


def _explanation(
    question: VendorQuestion,
    answer: VendorAnswer,
    features: npt.NDArray[np.float32],
    shares: npt.NDArray[np.float64],
) -> VendorExplanation:
    values = dict(zip(FEATURES, features.tolist(), strict=True))
    by_name = dict(zip(FEATURES, shares[:-1].tolist(), strict=True))
    return VendorExplanation(
        answer=answer,
        reasons=reasons(question, values, by_name),
        base=float(shares[-1]),
        contributions=tuple(
            VendorContribution(feature=one.feature, value=one.value, contribution=one.share)
            for one in largest_first(FEATURES, features, shares[:-1])
        ),
    )
