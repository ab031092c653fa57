"""One folder of a model repository, as the linter sees it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from control.lint.triton.graph import Graph

__all__ = ["BACKENDS", "ENSEMBLE", "PLATFORMS", "Model", "loaded_versions", "version_folders"]

ENSEMBLE = "ensemble"
BACKENDS = {
    "onnxruntime": "model.onnx",
    "tensorrt": "model.plan",
    "pytorch": "model.pt",
    "tensorflow": "",
    "openvino": "model.xml",
    "python": "model.py",
    "dali": "model.dali",
    "fil": "",
    "vllm": "model.json",
    "tensorrtllm": "",
    "identity": "",
    "repeat": "",
    "square": "",
}
"""Triton's own backends, and the file that each loads; empty: no file, or one of several."""
PLATFORMS = {
    "onnxruntime_onnx": "onnxruntime",
    "tensorrt_plan": "tensorrt",
    "pytorch_libtorch": "pytorch",
    "tensorflow_graphdef": "tensorflow",
    "tensorflow_savedmodel": "tensorflow",
    ENSEMBLE: "",
}
"""Platform, the older setting for a backend and its kind of file -> backend."""


@dataclass
class Model:
    """A folder with a readable configuration. `graphs` has the graphs of the versions that Triton would load."""

    folder: Path
    config: Any
    versions: tuple[int, ...] = ()
    """The versions that Triton would load."""
    graphs: dict[int, Graph] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The name under which Triton serves the model."""
        return self.folder.name

    @property
    def batching(self) -> bool:
        """Whether Triton puts the batch axis in front of every tensor's dims."""
        return bool(self.config.max_batch_size > 0)

    @property
    def ensemble(self) -> bool:
        """Whether the model is a graph of other models."""
        return bool(self.config.platform == ENSEMBLE or self.config.HasField("ensemble_scheduling"))

    @property
    def backend(self) -> str:
        """The name of the backend, else that of the model file's type, as Triton derives it; empty if unknown."""
        named = self.config.backend or PLATFORMS.get(self.config.platform, "")
        guessed = "onnxruntime" if not self.config.platform and any(self.folder.glob("*/model.onnx")) else ""
        return str(named or guessed)

    @property
    def model_file(self) -> str:
        """The name of the file in each version's folder; empty if unknown."""
        return str(self.config.default_model_filename or BACKENDS.get(self.backend, ""))

    def distinct_graphs(self) -> Iterator[tuple[str, Graph]]:
        """Yield each distinct graph once, with a label that names all versions of it."""
        groups: list[tuple[list[int], Graph]] = []
        for version, graph in sorted(self.graphs.items()):
            same = next((numbers for numbers, other in groups if other == graph), None)
            if same is None:
                groups.append(([version], graph))
            else:
                same.append(version)
        for numbers, graph in groups:
            yield f"version{'s' if len(numbers) > 1 else ''} {', '.join(map(str, numbers))}", graph


def version_folders(folder: Path) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """Return the numbers of the versions that Triton sees, ascending, and the names of folders that it ignores."""
    names = sorted(item.name for item in folder.iterdir() if item.is_dir() and not item.name.startswith("."))
    numbers = [name for name in names if name.isdecimal() and name.isascii() and name[0] != "0"]
    return tuple(sorted(map(int, numbers))), tuple(name for name in names if name not in numbers)


def loaded_versions(config: Any, there: tuple[int, ...]) -> tuple[int, ...]:
    """Return the versions that the policy loads. Triton's default policy loads the latest version."""
    policy = config.version_policy
    if policy.HasField("all"):
        return there
    if policy.HasField("specific"):
        return tuple(number for number in there if number in set(policy.specific.versions))
    newest = policy.latest.num_versions if policy.HasField("latest") else 1
    return there[len(there) - min(newest, len(there)) :]
