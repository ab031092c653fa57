"""Reads a folder in Triton's layout: the version that is added, its files, and the models that it uses.

Nothing of the folder is executed here. The models of an ensemble's steps, and those that Python code calls by name
(Business Logic Scripting), must be beside the folder, as in a model repository.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from serving.kernel.storage.model_repository import NAME
from serving.kernel.storage.version_manifest import GOLDEN_NAME, MANIFEST_NAME, MODEL_NAME
from training.added.errors import AddError
from training.added.folders.config import CONFIG, ENSEMBLE, ONNX, backend_of, read_config
from training.publish.parts import PARTS

__all__ = ["PYTHON", "Model", "TritonFolder", "check_trust", "read_folder"]

RESERVED = (
    MANIFEST_NAME,
    GOLDEN_NAME,
    CONFIG,
    PARTS,
    "MLmodel",
    "input_example.json",
    "serving_input_example.json",
)
"""Names that a version needs itself."""
DATA_ONLY = (ENSEMBLE, ONNX, "openvino", "fil", "identity", "repeat", "square")
"""Backends whose files are data."""
PYTHON = "python"
USUAL = {ONNX: MODEL_NAME, PYTHON: "model.py"}
NUMBER = re.compile(r"[1-9][0-9]{0,14}")
MODEL_DIRECTORY = "TRITON_MODEL_DIRECTORY"


@dataclass(frozen=True)
class Model:
    """One model: its configuration, and the files of one version."""

    name: str
    folder: Path
    config: Any
    backend: str
    version: int
    files: Mapping[str, Path]
    """Path in the version's folder -> the file."""

    @property
    def runs_code(self) -> str:
        """What of it is code that Triton runs; empty if its files are data."""
        if self.backend == PYTHON:
            return f"{self.name} is Python code ({self.version}/model.py)"
        libraries = self.config.model_operations.op_library_filename
        if libraries:
            return f"{self.name} loads libraries ({', '.join(libraries)})"
        library = next((name for name in self.files if name.endswith((".so", ".py"))), "")
        if library:
            return f"{self.name} brings code of its own ({self.version}/{library})"
        if self.backend in DATA_ONLY:
            return ""
        return f"the backend {self.backend!r} of {self.name} may run code of a file"


@dataclass(frozen=True)
class TritonFolder:
    """The model that is added, and the models that it uses, those of the last steps first."""

    model: Model
    parts: tuple[Model, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def models(self) -> tuple[Model, ...]:
        """All of them, each after those that it uses."""
        return (*self.parts, self.model)


def read_folder(path: Path) -> TritonFolder:
    """Read a folder and the models that it uses. Raises `AddError`."""
    # The folder may be given as `.`, and models are found beside it.
    folder = path.resolve()
    model = _read_model(folder, path.name or folder.name)
    parts: dict[str, Model] = {}
    _follow(model, folder.name, parts, ())
    notes = []
    others = sorted(item.name for item in folder.iterdir() if _is_left_out(item, model))
    if others:
        notes.append(f"Not served, because it is beside the versions: {', '.join(others[:10])}.")
    versions = _versions(folder)
    if len(versions) > 1:
        listed = ", ".join(map(str, versions))
        notes.append(f"Of the folder's versions {listed}, version {model.version} was added.")
    return TritonFolder(model, tuple(parts.values()), tuple(notes))


def check_trust(folder: TritonFolder, trust: bool) -> None:
    """Raise `AddError` for a folder with code, unless it is trusted."""
    code = [model.runs_code for model in folder.models if model.runs_code]
    if code and not trust:
        raise AddError(
            f"{'; '.join(code)}. Triton runs it with the rights of your account here, and wherever the model is "
            "served. Read it, then add --trust"
        )


def _read_model(folder: Path, name: str, wanted: int = 0) -> Model:
    if (folder / CONFIG).is_symlink():
        raise AddError(f"{name}/{CONFIG} is a symbolic link; put the file itself there")
    config = read_config(folder)
    backend = backend_of(config, folder)
    if not backend:
        raise AddError(f'{name}/{CONFIG} names no backend; write one such as backend: "onnxruntime"')
    if any(MODEL_DIRECTORY in entry.string_value for entry in config.parameters.values()):
        raise AddError(
            f"{name}/{CONFIG}: a parameter names a file of {MODEL_DIRECTORY}, the folder that all versions share. "
            "Each version here holds its own files: put it into the version's folder, or write an absolute path"
        )
    version = _version(folder, name, config, wanted)
    return Model(name, folder, config, backend, version, _files(folder / str(version), name, config, backend))


def _versions(folder: Path) -> list[int]:
    return sorted(int(item.name) for item in folder.iterdir() if NUMBER.fullmatch(item.name) and item.is_dir())


def _version(folder: Path, name: str, config: Any, wanted: int) -> int:
    """The newest version that Triton would load, or the wanted one."""
    there = _versions(folder)
    policy = config.version_policy
    if policy.HasField("specific"):
        there = [number for number in there if number in policy.specific.versions]
    if wanted > 0:
        there = [number for number in there if number == wanted]
    if not there:
        number = wanted if wanted > 0 else 1
        raise AddError(
            f"{name} has no version folder {number}; put the model's files into {name}/{number}/, which is empty "
            "for an ensemble"
        )
    return there[-1]


def _files(version: Path, name: str, config: Any, backend: str) -> dict[str, Path]:
    """The files of a version. Raises `AddError` for links and for names that a version needs itself."""
    if version.is_symlink():
        raise AddError(f"{name}/{version.name} is a symbolic link; put the folder itself there")
    found = {}
    for path in sorted(version.rglob("*")):
        shown = path.relative_to(version).as_posix()
        if path.is_symlink():
            raise AddError(f"{name}/{version.name}/{shown} is a symbolic link; put the file itself there")
        if path.is_dir() or path.suffix == ".pyc" or path.name.startswith(".") or path.name == "__pycache__":
            continue
        if path.relative_to(version).parts[0] in RESERVED:
            raise AddError(f"{name}/{version.name}/{shown} has a name that a version needs itself; rename it")
        found[shown] = path
    given = config.default_model_filename
    if given and backend == ONNX and given in found:
        found[MODEL_NAME] = found.pop(given)
    elif given and given != USUAL.get(backend):
        raise AddError(
            f"{name}/{CONFIG}: default_model_filename is {given!r}; give the file the backend's usual name and "
            "leave this setting out"
        )
    return found


def _follow(model: Model, own: str, parts: dict[str, Model], above: tuple[str, ...]) -> None:
    """Add the models that a model uses, depth first. Raises `AddError` for one that is missing or uses itself."""
    for name, version in _used(model, own).items():
        if name in above or name == own:
            raise AddError(f"the models {' -> '.join([*above, model.name, name])} use each other")
        if name in parts:
            continue
        if not NAME.fullmatch(name):
            raise AddError(f"{model.name} uses {name!r}; a model is called by up to 63 of a-z 0-9 _ -")
        folder = model.folder.parent / name
        if not folder.is_dir():
            raise AddError(f"{model.name} uses the model {name}, but {folder} does not exist; put it there")
        part = _read_model(folder, name, version)
        _follow(part, own, parts, (*above, model.name))
        parts[name] = part


def _used(model: Model, own: str) -> dict[str, int]:
    """The models of an ensemble's steps, or those whose names Python code has as texts; -1: the newest version."""
    if model.backend == ENSEMBLE:
        return {step.model_name: int(step.model_version) for step in model.config.ensemble_scheduling.step}
    if model.backend != PYTHON:
        return {}
    beside = {path.parent.name for path in model.folder.parent.glob(f"*/{CONFIG}")} - {own, model.folder.name}
    texts: set[str] = set()
    for shown, path in model.files.items():
        if path.suffix == ".py":
            texts.update(_texts(path, f"{model.name}/{model.version}/{shown}"))
    return dict.fromkeys(sorted(beside & texts), -1)


def _texts(path: Path, shown: str) -> Iterator[str]:
    """The texts in Python code, which is parsed and not run."""
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError) as cause:
        line = f"line {cause.lineno}: {cause.msg}" if isinstance(cause, SyntaxError) else str(cause)
        raise AddError(f"{shown}: {line}") from cause
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def _is_left_out(item: Path, model: Model) -> bool:
    """Whether something beside the versions might be missed."""
    labels = {output.label_filename for output in model.config.output}
    if item.name.startswith(".") or item.name in (CONFIG, *labels) or item.suffix == ".md":
        return False
    return not NUMBER.fullmatch(item.name)
