"""What MLflow stored is told from its `MLmodel`, as MLflow itself writes it."""

from __future__ import annotations

from pathlib import Path

import pytest

from training.added.errors import AddError
from training.added.sources.exchange import Field
from training.added.sources.find import find_source

SIGNATURE = """
signature:
  inputs: '[{"type": "double", "name": "age", "required": true}, {"type": "string", "name": "plan"}]'
"""
TENSOR = """
signature:
  inputs: '[{"type": "tensor", "tensor-spec": {"dtype": "float32", "shape": [-1, 3]}}]'
"""


def stored(folder: Path, text: str, *files: str) -> Path:
    for name in files:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")
    (folder / "MLmodel").write_text(text)
    return folder


@pytest.mark.parametrize(
    ("flavor", "file", "kind", "form", "executes"),
    [
        ("onnx: {data: model.onnx}", "model.onnx", "onnx", "", False),
        ("xgboost: {data: model.ubj}", "model.ubj", "xgboost", "", False),
        ("lightgbm: {data: model.lgb}", "model.lgb", "lightgbm", "", False),
        ("lightgbm: {data: model.skops}", "model.skops", "sklearn", "skops", False),
        ("lightgbm: {data: model.pkl}", "model.pkl", "sklearn", "pickle", True),
        ("sklearn: {pickled_model: model.skops}", "model.skops", "sklearn", "skops", False),
        ("sklearn: {pickled_model: model.pkl}", "model.pkl", "sklearn", "pickle", True),
        ("pytorch: {model_data: data}", "data/model.pt2", "torch", "pt2", True),
        ("pytorch: {model_data: data}", "data/model.pth", "torch", "pth", True),
    ],
)
def test_flavours(tmp_path: Path, flavor: str, file: str, kind: str, form: str, executes: bool) -> None:
    text = f"flavors:\n  python_function: {{loader_module: x}}\n  {flavor}\n{SIGNATURE}"
    found = find_source(stored(tmp_path, text, file))
    assert (Path(found.path), found.kind, found.format, found.executes) == (tmp_path / file, kind, form, executes)
    assert found.fields == (Field("age", "double"), Field("plan", "string"))


def test_the_signature_of_a_tensor_and_the_code_of_a_pickle(tmp_path: Path) -> None:
    text = "flavors:\n  sklearn: {pickled_model: m.pkl}\n  python_function: {code: code}\n" + TENSOR
    found = find_source(stored(tmp_path, text, "m.pkl", "code/own.py"))
    assert (found.fields, found.shape, Path(found.code)) == ((), (-1, 3), tmp_path / "code")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "flavors: {python_function: {}, prophet: {}}",
            "flavours prophet, python_function; those that become ONNX.*slipway new NAME .* --kind forecast",
        ),
        ("flavors: {python_function: {}, catboost: {}}", "save_model\\('model.onnx', format='onnx'\\)"),
        ("flavors: {python_function: {}}", "mlflow.onnx, or write an app for its table: `slipway new NAME --from"),
        ("flavors: {}", "flavours none"),
        ("flavors: {onnx: {data: ../m.onnx}}", "outside of the model's folder"),
        ("flavors: {onnx: {data: /etc/passwd}}", "outside of the model's folder"),
        ("flavors: {onnx: {data: m.onnx}}", "'m.onnx', which is not a file"),
        ("flavors: {pytorch: {model_data: data}}", "neither model.pt2 nor model.pth"),
        ("flavors: [1]", "MLmodel: "),
        ("flavors: {xgboost: {data: x.ubj}}\nsignature: {inputs: '[3'}", "signature is not JSON"),
    ],
)
def test_what_has_no_model_is_explained(tmp_path: Path, text: str, said: str) -> None:
    stored(tmp_path, text, "x.ubj")
    with pytest.raises(AddError, match=said):
        find_source(tmp_path)
