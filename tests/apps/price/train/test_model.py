from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from apps.price.app import app
from apps.price.schema import PriceContext
from apps.price.train.model import COVERAGE
from apps.price.train.windows import examples
from tests.apps.price.tables import fitted, synthetic_split
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
    lines = parity.report(
        recipe, made.predict, tmp_path / "model.onnx", recipe.parity_inputs(made, synthetic_split()[1])
    )
    assert max(line.max_error for line in lines) <= app.tolerance
    assert sum(line.flips for line in lines) == 0


@pytest.mark.parametrize("rows", [1, 2, 17])
def test_the_graph_takes_any_number_of_rows(graph: onnx.ModelProto, rows: int) -> None:
    session = onnxruntime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
    features = np.full((rows, len(app.feature_names)), np.nan, dtype=np.float32)
    assert [output.shape for output in session.run(None, {"features": features})] == [(rows, 1)] * 3


def test_the_interval_holds_its_share_of_the_rows_it_was_calibrated_on() -> None:
    _, made = fitted()
    frame, split = synthetic_split()
    before = frame[frame["date"] < split.test["date"].min()]
    rows = examples(before, since=split.validation["date"].min())
    outputs = made.predict({"features": rows.features})
    held = (rows.target >= outputs["log_low"][:, 0]) & (rows.target <= outputs["log_high"][:, 0])
    assert held.mean() == pytest.approx(COVERAGE, abs=0.06)


def test_the_context_says_what_the_version_needs() -> None:
    _, made = fitted()
    assert isinstance(made.context, PriceContext)
    assert made.context.commodities == ("onion",)
    assert made.context.groups == ("reference", "location", "indicators")
    assert len(made.context.reach) == len(made.context.typical) == 30
