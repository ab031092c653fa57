from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from apps.vendor.app import app
from apps.vendor.schema import VendorContext
from apps.vendor.serve.columns import FEATURES, RISING
from apps.vendor.serve.decide import OUTPUTS
from apps.vendor.train.model import BUDGETS, fit_model, table
from tests.apps.vendor.tables import fitted, synthetic_split
from tests.training.local import LocalTrainer
from training.errors import DataError
from training.onnx import export, parity


@pytest.fixture(scope="module")
def graph() -> onnx.ModelProto:
    recipe, made = fitted()
    return recipe.export(made)


def test_the_graph_is_what_the_app_promises(graph: onnx.ModelProto) -> None:
    export.check(app, graph)


def test_native_and_onnx_agree_on_held_out_boundary_and_extreme_rows(
    graph: onnx.ModelProto, tmp_path: Path
) -> None:
    recipe, made = fitted()
    export.save(app, graph, tmp_path / "model.onnx")
    rows = recipe.parity_inputs(made, synthetic_split()[1])
    lines = parity.report(recipe, made.predict, tmp_path / "model.onnx", rows)
    assert max(line.max_error for line in lines) <= app.tolerance
    assert sum(line.flips for line in lines) == 0


@pytest.mark.parametrize("rows", [1, 2, 17])
def test_the_graph_takes_any_number_of_rows(graph: onnx.ModelProto, rows: int) -> None:
    session = onnxruntime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
    features = np.full((rows, len(app.feature_names)), np.nan, dtype=np.float32)
    shapes = [output.shape for output in session.run(None, {"features": features})]
    assert shapes == [(rows, width) for width in OUTPUTS.values()]


def test_a_worse_history_never_lowers_the_risk() -> None:
    _, made = fitted()
    features, _ = table(synthetic_split()[1].test.iloc[::40], 0.2)
    before = made.predict({"features": features})["log_odds"]
    for name in RISING:
        worse = features.copy()
        worse[:, FEATURES.index(name)] += 0.5
        assert (made.predict({"features": worse})["log_odds"] >= before).all(), name


def test_base_rate_calibration_and_thresholds_are_from_the_parts_they_should_be() -> None:
    """Nothing of them moves when the test part is another."""
    recipe, made = fitted()
    _, split = synthetic_split()
    context = made.context
    assert isinstance(context, VendorContext)
    assert context.base_rate == split.train["late"].mean()
    assert context.elevated < context.high
    other = type(split)(
        train=split.train,
        validation=split.validation,
        test=split.test.assign(late=1 - split.test["late"]),
        description=split.description,
    )
    again = recipe.fit(other, LocalTrainer(40))
    assert again.context == context
    assert again.files == made.files


def test_a_calibration_that_would_turn_the_order_around_is_refused() -> None:
    _, split = synthetic_split()
    turned = split.validation.assign(late=1 - split.validation["late"])
    with pytest.raises(DataError, match="slope -"):
        fit_model(split.train, turned, LocalTrainer(40))


def test_about_the_budget_of_the_validation_part_is_flagged() -> None:
    _, made = fitted()
    context = made.context
    assert isinstance(context, VendorContext)
    features, _ = table(synthetic_split()[1].validation, context.base_rate)
    flagged = (made.predict({"features": features})["excess"] > 0).mean(axis=0)
    assert flagged[0] == pytest.approx(BUDGETS["elevated"], abs=0.1)
    assert flagged[1] == pytest.approx(BUDGETS["high"], abs=0.08)
