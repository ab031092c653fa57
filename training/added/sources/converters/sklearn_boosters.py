"""Makes the estimators of XGBoost and LightGBM known to skl2onnx, as steps of pipelines."""

from __future__ import annotations

import sys

from onnxmltools.convert.lightgbm.operator_converters.LightGbm import convert_lightgbm
from onnxmltools.convert.xgboost.operator_converters.XGBoost import convert_xgboost
from skl2onnx import update_registered_converter
from skl2onnx.common.shape_calculator import (
    calculate_linear_classifier_output_shapes,
    calculate_linear_regressor_output_shapes,
)

__all__ = ["register"]


def register() -> None:
    """Register the estimators of the libraries that are loaded."""
    classifier, regressor = calculate_linear_classifier_output_shapes, calculate_linear_regressor_output_shapes
    options = {"zipmap": [True, False, "columns"], "nocl": [True, False]}
    if "xgboost" in sys.modules:
        from xgboost import XGBClassifier, XGBRegressor

        update_registered_converter(XGBClassifier, "XGBClassifier", classifier, convert_xgboost, options=options)
        update_registered_converter(XGBRegressor, "XGBRegressor", regressor, convert_xgboost)
    if "lightgbm" in sys.modules:
        from lightgbm import LGBMClassifier, LGBMRegressor

        more = {"split": None}
        update_registered_converter(
            LGBMClassifier, "LGBMClassifier", classifier, convert_lightgbm, options=options | more
        )
        update_registered_converter(LGBMRegressor, "LGBMRegressor", regressor, convert_lightgbm, options=more)
