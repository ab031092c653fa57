from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from sklearn.ensemble import IsolationForest

from apps.quality.app import app
from apps.quality.serve.columns import FEATURES, HISTORY_COLUMN
from apps.quality.train.graph import _depths, _path, split_values
from apps.quality.train.model import QualityModel
from tests.apps.quality.tables import bean_model, bean_split, lot_model, lot_split, model_of
from training.onnx import export, parity

KINDS: dict[str, Any] = {"beans": (bean_model, bean_split), "lots": (lot_model, lot_split)}


@pytest.mark.parametrize("kind", KINDS)
def test_native_and_onnx_agree_on_held_out_boundary_and_extreme_rows(kind: str, tmp_path: Path) -> None:
    (recipe, made), (_, split) = (make() for make in KINDS[kind])
    path = tmp_path / "model.onnx"
    export.save(app, recipe.export(made), path)
    inputs = recipe.parity_inputs(made, split)
    assert len(inputs["features"]) > 1600
    assert np.isnan(inputs["features"][-1]).all()
    lines = parity.report(recipe, made.predict, path, inputs)
    assert max(line.max_error for line in lines) <= app.tolerance
    assert sum(line.flips for line in lines) == 0
    assert path.stat().st_size < 4e6


@pytest.mark.parametrize("rows", [1, 2, 17])
def test_the_graph_takes_any_number_of_rows(rows: int) -> None:
    recipe, made = bean_model()
    graph = recipe.export(made).SerializeToString()
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    found = session.run(None, {"features": np.full((rows, len(FEATURES)), np.nan, dtype=np.float32)})
    assert [output.shape for output in found] == [(rows, 1), (rows, 3), (rows, 1)]
    assert all(np.isfinite(output).all() for output in found)
    # Of any number for Triton's configuration too, which is the same for versions that know other grades.
    assert [output.shape[1] for output in session.get_outputs()] == [1, "grade", 1]


def test_both_kinds_of_discriminants_are_exported() -> None:
    """Products of measurements where there are lots enough for them; else the measurements alone."""
    _, made = bean_model()
    model = model_of(made)
    assert len(model.axes) == 3 + 6
    narrow = QualityModel(**{**vars(model), "axes": model.axes[:3]})
    names = [node.name or node.op_type for node in bean_model()[0].export(_with(narrow)).graph.node]
    onnx.checker.check_model(bean_model()[0].export(_with(narrow)))
    assert (
        names.count("Concat")
        == [node.op_type for node in bean_model()[0].export(made).graph.node].count("Concat") - 1
    )


def test_split_values_are_of_input_columns() -> None:
    columns = set(split_values(model_of(bean_model()[1])))
    assert columns == {0, 1, 2, 32, 33, 34}
    assert max(columns) < HISTORY_COLUMN


@pytest.mark.parametrize("samples", [2, 3, 64])
def test_the_watchs_leaves_give_scikit_learns_score(samples: int) -> None:
    rows = np.random.default_rng(1).normal(size=(200, 3)).astype(np.float32)
    forest = IsolationForest(n_estimators=6, max_samples=samples, random_state=1).fit(rows)
    total = np.zeros(len(rows))
    for one in forest.estimators_:
        total += (_depths(one.tree_) + _path(one.tree_.n_node_samples))[one.apply(rows)]
    wanted = 2 ** (-total / 6 / _path(np.array([samples]))[0])
    np.testing.assert_allclose(-forest.score_samples(rows), wanted)


def _with(model: QualityModel) -> Any:
    return dataclasses.replace(bean_model()[1], model=model)
