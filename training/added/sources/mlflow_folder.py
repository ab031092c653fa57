"""A model that MLflow stored: its flavours and signature, from `MLmodel`. Nothing of it is opened here."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from training.added.errors import AddError
from training.added.sources.exchange import Field, Source

__all__ = ["MLMODEL", "read_mlflow"]

MLMODEL = "MLmodel"
Options = dict[str, Any]


class _Signature(msgspec.Struct):
    inputs: str | None = None


class _Example(msgspec.Struct):
    artifact_path: str = ""
    pandas_orient: str = ""


class _File(msgspec.Struct):
    flavors: dict[str, Options] = {}
    signature: _Signature | None = None
    saved_input_example_info: _Example | None = None


def read_mlflow(folder: Path) -> Source:
    """The file of the best flavour, and what the signature says. Raises `AddError`."""
    try:
        read = msgspec.yaml.decode((folder / MLMODEL).read_bytes(), type=_File)
    except (OSError, msgspec.MsgspecError) as cause:
        raise AddError(f"{MLMODEL}: {cause}") from cause
    for name, find in FLAVOURS.items():
        if name in read.flavors:
            source = find(folder, read.flavors[name])
            code = (read.flavors.get("python_function") or {}).get("code") or read.flavors[name].get("code")
            return msgspec.structs.replace(
                source,
                **_signature(read.signature),
                example=_example(folder, read.saved_input_example_info),
                code=str(_inside(folder, str(code))) if code and source.executes else "",
            )
    found = ", ".join(sorted(read.flavors)) or "none"
    nearest = next((NEAREST[name] for name in NEAREST if name in read.flavors), NEAREST["python_function"])
    raise AddError(
        f"the MLflow model has the flavours {found}; those that become ONNX are {', '.join(FLAVOURS)}. {nearest}"
    )


def _onnx(folder: Path, options: Options) -> Source:
    return Source(path=_file(folder, options, "data"), kind="onnx")


def _xgboost(folder: Path, options: Options) -> Source:
    return Source(path=_file(folder, options, "data"), kind="xgboost")


def _lightgbm(folder: Path, options: Options) -> Source:
    path = _file(folder, options, "data")
    if path.endswith((".lgb", ".txt")):
        return Source(path=path, kind="lightgbm")
    return _python_objects(path)


def _sklearn(folder: Path, options: Options) -> Source:
    return _python_objects(_file(folder, options, "pickled_model"))


def _python_objects(path: str) -> Source:
    if path.endswith(".skops"):
        return Source(path=path, kind="sklearn", format="skops")
    return Source(path=path, kind="sklearn", format="pickle", executes=True)


def _pytorch(folder: Path, options: Options) -> Source:
    data = _inside(folder, str(options.get("model_data") or "data"))
    for name, kind in (("model.pt2", "pt2"), ("model.pth", "pth")):
        if (data / name).is_file():
            return Source(path=str(data / name), kind="torch", format=kind, executes=True)
    raise AddError(f"the flavour pytorch has neither model.pt2 nor model.pth in {data.name}")


FLAVOURS: dict[str, Callable[[Path, Options], Source]] = {
    "onnx": _onnx,
    "xgboost": _xgboost,
    "lightgbm": _lightgbm,
    "sklearn": _sklearn,
    "pytorch": _pytorch,
}
"""In the order in which they are taken."""
NEW = "`slipway new NAME --from FILE --label COLUMN{}`"
NEAREST = {
    "catboost": "Save it with save_model('model.onnx', format='onnx'), and add that file",
    "prophet": f"Write an app for its table of dates and values: {NEW.format(' --kind forecast')}",
    "python_function": f"Log it with mlflow.onnx, or write an app for its table: {NEW.format('')}",
}
"""What to do instead with a flavour that is not taken; the last is for all others."""


def _file(folder: Path, options: Options, key: str) -> str:
    path = _inside(folder, str(options.get(key) or ""))
    if not path.is_file():
        raise AddError(f"{MLMODEL}: {key} names {options.get(key)!r}, which is not a file of the model")
    return str(path)


def _inside(folder: Path, name: str) -> Path:
    """The path below the folder. Raises `AddError` for one outside."""
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise AddError(f"{MLMODEL}: {name!r} is outside of the model's folder")
    return path


def _signature(signature: _Signature | None) -> dict[str, Any]:
    """Columns with their types, or the shape of the only tensor."""
    try:
        inputs = msgspec.json.decode((signature and signature.inputs) or "[]", type=list[Options])
    except msgspec.MsgspecError as cause:
        raise AddError(f"{MLMODEL}: the signature is not JSON: {cause}") from cause
    if inputs and all(isinstance(item.get("name"), str) and item.get("type") != "tensor" for item in inputs):
        return {"fields": tuple(Field(item["name"], str(item.get("type", ""))) for item in inputs)}
    if len(inputs) == 1 and inputs[0].get("type") == "tensor":
        shape = re.findall(r"-?\d+", str(inputs[0].get("tensor-spec", {}).get("shape", "")))
        return {"shape": tuple(map(int, shape))}
    return {}


def _example(folder: Path, example: _Example | None) -> str:
    if example is None or example.pandas_orient != "split":
        return ""
    path = _inside(folder, example.artifact_path)
    return str(path) if path.is_file() else ""
