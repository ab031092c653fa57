from __future__ import annotations

from pathlib import Path

import numpy as np

from apps.matching.app import app
from apps.matching.train.graph import graph
from tests.apps.matching.pairs import fitted, synthetic_split
from training.onnx import export, parity


def test_the_graph_gives_what_the_network_gives(tmp_path: Path) -> None:
    recipe, split = synthetic_split()
    export.save(app, graph(fitted().model), tmp_path / "model.onnx")
    inputs = recipe.parity_inputs(fitted(), split)
    assert len(inputs["pairs"]) >= 1000
    assert np.isnan(inputs["pairs"]).any()
    lines = parity.report(recipe, fitted().predict, tmp_path / "model.onnx", inputs)
    assert max(line.max_error for line in lines) < 1e-5
    assert sum(line.flips for line in lines) == 0


def test_the_same_model_gives_the_same_bytes() -> None:
    made = [graph(fitted().model).SerializeToString(deterministic=True) for _ in range(2)]
    assert made[0] == made[1]
