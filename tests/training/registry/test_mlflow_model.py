from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.training import toy
from training.onnx.parity import onnx_model
from training.registry.mlflow_model import write_mlflow_model


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_an_unknown_value_of_the_example_is_missing(toy_servable: Path) -> None:
    from mlflow.models import Model

    write_mlflow_model(toy_servable, toy.app, "0" * 32, toy.features([toy.Question(1.0)], toy.Context()))
    model = Model.load(str(toy_servable / "MLmodel"))
    found = model.load_input_example(str(toy_servable))["features"]
    np.testing.assert_array_equal(found, np.array([[1.0, np.nan]], np.float32))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_mlflow_can_load_what_is_written(toy_servable: Path, toy_model: Path) -> None:
    import mlflow.onnx
    from mlflow.models import Model

    example = toy.features([toy.app.example, toy.Question(1.0)], toy.Context())
    write_mlflow_model(toy_servable, toy.app, "0" * 32, example)
    signature = Model.load(str(toy_servable / "MLmodel")).signature
    assert [(column.name, column.type, column.shape) for column in signature.inputs.inputs] == [
        ("features", np.dtype("float32"), (-1, 2))
    ]
    assert [column.name for column in signature.outputs.inputs] == ["y"]
    loaded = mlflow.onnx.load_model(str(toy_servable))
    assert loaded == mlflow.onnx.load_model(str(toy_servable))
    written = json.loads((toy_servable / "input_example.json").read_text())
    assert written == {"features": [[1.0, 0.5]]}
    assert json.loads((toy_servable / "serving_input_example.json").read_text()) == {"inputs": written}
    model = Model.load(str(toy_servable / "MLmodel"))
    (name, found), *others = model.load_input_example(str(toy_servable)).items()
    assert name == "features" and others == []
    np.testing.assert_array_equal(found, example["features"][:1])
    assert found.dtype == np.float32
    assert onnx_model(toy_model)(example)["y"].shape == (2, 1)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_what_only_triton_runs_has_its_signature(toy_servable: Path) -> None:
    from mlflow.models import Model

    (toy_servable / "config.pbtxt").write_text("")
    write_mlflow_model(toy_servable, toy.app, "0" * 32, toy.features([toy.app.example], toy.Context()))
    model = Model.load(str(toy_servable / "MLmodel"))
    assert model.flavors.keys() == {"triton"}
    assert [column.name for column in model.signature.outputs.inputs] == ["y"]
