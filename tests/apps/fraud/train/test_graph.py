from __future__ import annotations

from pathlib import Path

import numpy as np

from apps.fraud.app import app
from apps.fraud.train.data import tidy
from apps.fraud.train.golden import parity_rows
from apps.fraud.train.graph import graph
from apps.fraud.train.recipe import recipe
from tests.apps.fraud.tables import model, raw
from training.onnx import export, parity
from training.recipe import RecipeOptions


def test_the_graph_computes_what_the_model_computes(tmp_path: Path) -> None:
    """Held-out rows, the cuts of the scaling, extreme numbers and missing ones, together and one by one."""
    native = model()
    path = tmp_path / "model.onnx"
    export.save(app, graph(native), path)
    inputs = {"features": parity_rows(native, tidy(raw(), RecipeOptions()))}
    lines = parity.report(recipe, native.predict, path, inputs)
    assert {line.output for line in lines} == {"score", "margins", "contributions"}
    for line in lines:
        assert line.max_error <= 1e-4, line
        assert line.flips == 0
    outputs = native.predict(inputs)
    assert all(np.isfinite(array).all() for array in outputs.values())
    assert (outputs["margins"] > 0).any() and (outputs["margins"] < 0).any()


def test_a_record_of_which_nothing_is_known_scores_zero(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    export.save(app, graph(model()), path)
    outputs = parity.onnx_model(path)({"features": np.full((2, 64), np.nan, np.float32)})
    assert outputs["score"].tolist() == [[0], [0]]


def test_the_same_model_gives_the_same_bytes() -> None:
    assert graph(model()).SerializeToString(deterministic=True) == graph(model()).SerializeToString(
        deterministic=True
    )
