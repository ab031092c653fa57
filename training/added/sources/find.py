"""Tells from a file's first bytes what it is; its name decides only where they cannot."""

from __future__ import annotations

import zipfile
from pathlib import Path

from training.added.errors import AddError
from training.added.sources.exchange import Source
from training.added.sources.mlflow_folder import MLMODEL, read_mlflow

__all__ = ["find_source"]

PICKLES = (".pkl", ".pickle")
TORCH = (
    "export it once: torch.export.save(torch.export.export(model.eval(), (example,)), 'model.pt2'), or give "
    "the ONNX file that torch.onnx.export writes"
)


def find_source(path: Path) -> Source:
    """What to do with a file, or with a folder that MLflow wrote. Raises `AddError`."""
    if (path / MLMODEL).is_file():
        return read_mlflow(path)
    if path.is_dir():
        raise AddError(_unknown(path))
    if not path.exists():
        raise AddError(f"{path} does not exist")
    if not path.is_file():
        raise AddError(f"{path} is a device, a pipe or a socket; give a file")
    return _file(path)


def _unknown(folder: Path) -> str:
    """What is wrong with a folder of another kind; Triton makes up the configuration of a plain graph."""
    graphs = sorted(folder.glob("[0-9]*/model.onnx"))
    found = f"{folder} is a folder without {MLMODEL} (MLflow) and without config.pbtxt (Triton); "
    if graphs:
        return f"{found}give the file itself: `slipway add {graphs[-1]} --name {folder.resolve().name}`"
    return f"{found}give a file, or a folder of one of these kinds"


def _file(path: Path) -> Source:
    try:
        with path.open("rb") as stream:
            start = stream.read(16)
    except OSError as cause:
        raise AddError(f"{path} cannot be read: {cause.strerror or cause}") from cause
    suffix = path.suffix.lower()
    if start.startswith(b"PK"):
        return _zipped(path)
    if suffix == ".joblib":
        return Source(path=str(path), kind="sklearn", format="joblib", executes=True)
    if start.startswith(b"\x80") or suffix in PICKLES:
        return Source(path=str(path), kind="sklearn", format="pickle", executes=True)
    if start.startswith(b"{"):
        return Source(path=str(path), kind="xgboost")
    if start.startswith(b"tree"):
        return Source(path=str(path), kind="lightgbm")
    return Source(path=str(path), kind="onnx")


def _zipped(path: Path) -> Source:
    """skops, PyTorch and Keras write zip files."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (OSError, zipfile.BadZipFile) as cause:
        raise AddError(f"{path.name} is a damaged zip file: {cause}") from cause
    if "schema.json" in names:
        return Source(path=str(path), kind="sklearn", format="skops")
    last = {name.rpartition("/")[2] for name in names}
    if "archive_format" in last:
        # Weights of some types and example inputs are pickles in it, and torch.export.load opens them as such.
        return Source(path=str(path), kind="torch", format="pt2", executes=True)
    if "data.pkl" in last:
        raise AddError(f"{path.name} is a PyTorch file of tensors or of Python objects, not a graph; {TORCH}")
    if "config.json" in last and any(name.endswith(".h5") for name in last):
        raise AddError(f"{path.name} is a Keras model; convert it: model.export('model.onnx', format='onnx')")
    raise AddError(f"{path.name} is a zip file of no known kind; known are skops and PyTorch's .pt2")
