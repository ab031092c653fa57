"""Triton's `onnxruntime` backend, in Python: runs `<model>/<version>/model.onnx` with ONNX Runtime.

Triton runs this file in one process per instance, outside of this project's environment, so it imports nothing of
this project. It reads the same `config.pbtxt` as the compiled backend. Backend parameters (`parameters` in
config.pbtxt): `intra_op_thread_count`, default 1.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime
import triton_python_backend_utils as pb

Tensors = dict[str, npt.NDArray[Any]]


class TritonPythonModel:
    """Triton calls `initialize` once, then `execute` with the requests of each batch."""

    @staticmethod
    def auto_complete_config(config: Any) -> Any:
        """Return the configuration unchanged; it is complete."""
        return config

    def initialize(self, args: dict[str, str]) -> None:
        """Open the version's model. Raises `TritonModelException` when its digest differs from the manifest's."""
        config = json.loads(args["model_config"])
        model = Path(args["model_repository"]) / args["model_version"] / "model.onnx"
        _verify(model)
        options = onnxruntime.SessionOptions()
        threads = config.get("parameters", {}).get("intra_op_thread_count", {}).get("string_value", "1")
        options.intra_op_num_threads = int(threads)
        options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self.session = onnxruntime.InferenceSession(str(model), options, providers=_providers(args))
        self.inputs: list[str] = [item["name"] for item in config["input"]]
        self.outputs: list[str] = [item["name"] for item in config["output"]]
        self.types = {item["name"]: pb.triton_string_to_numpy(item["data_type"]) for item in config["output"]}

    def execute(self, requests: list[Any]) -> list[Any]:
        """Run all requests as one batch. If that fails, run them one by one, so that a bad request fails alone."""
        read = [self._read(request) for request in requests]
        batches = [item for item in read if not isinstance(item, UnicodeDecodeError)]
        answers = self._attempt(batches)
        if answers and isinstance(answers[0], Exception) and len(batches) > 1:
            answers = [self._attempt([batch])[0] for batch in batches]
        left = iter(answers)
        items = [item if isinstance(item, UnicodeDecodeError) else next(left) for item in read]
        return [_failed(item) if isinstance(item, Exception) else self._respond(item) for item in items]

    def _attempt(self, batches: list[Tensors]) -> Sequence[Tensors | Exception]:
        """The answers, or the same error for every request."""
        try:
            return self._run_together(batches) if batches else []
        except Exception as cause:  # noqa: BLE001 - the process edge: Triton must get an answer per request
            return [cause] * len(batches)

    def _read(self, request: Any) -> Tensors | UnicodeDecodeError:
        """The tensors; the error where BYTES are no text, which concerns this request alone."""
        try:
            return {name: _as_text(pb.get_input_tensor_by_name(request, name).as_numpy()) for name in self.inputs}
        except UnicodeDecodeError as cause:
            return cause

    def _run(self, batch: Tensors) -> Tensors:
        values = self.session.run(self.outputs, batch)
        return {
            name: np.ascontiguousarray(value, self.types[name])
            for name, value in zip(self.outputs, values, strict=True)
        }

    def _run_together(self, batches: list[Tensors]) -> list[Tensors]:
        if len(batches) == 1:
            return [self._run(batches[0])]
        joined = self._run({name: np.concatenate([batch[name] for batch in batches]) for name in self.inputs})
        ends = np.cumsum([len(batch[self.inputs[0]]) for batch in batches])[:-1]
        parts = {name: np.split(value, ends) for name, value in joined.items()}
        return [{name: parts[name][index] for name in self.outputs} for index in range(len(batches))]

    def _respond(self, answer: Tensors) -> Any:
        return pb.InferenceResponse([pb.Tensor(name, answer[name]) for name in self.outputs])


def _as_text(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The array with text instead of bytes, which Triton passes. ONNX Runtime would take the literal `b'...'`."""
    if array.dtype != np.object_:
        return array
    text = np.empty(array.size, np.object_)
    text[:] = [value.decode() for value in array.reshape(-1).tolist()]
    return text.reshape(array.shape)


def _failed(cause: Exception) -> Any:
    if isinstance(cause, UnicodeDecodeError):
        text = "BYTES elements must be UTF-8 text for this model"
        return pb.InferenceResponse([], error=pb.TritonError(text, pb.TritonError.INVALID_ARG))
    return pb.InferenceResponse([], error=pb.TritonError(f"{type(cause).__name__}: {cause}"))


def _providers(args: dict[str, str]) -> list[Any]:
    if args["model_instance_kind"] == "GPU":
        return [("CUDAExecutionProvider", {"device_id": args["model_instance_device_id"]}), "CPUExecutionProvider"]
    return ["CPUExecutionProvider"]


def _verify(model: Path) -> None:
    """Compare the model's digest with the manifest's, when the folder has one."""
    manifest = model.with_name("manifest.json")
    if not manifest.exists():
        return
    wanted = json.loads(manifest.read_bytes()).get("files", {}).get(model.name, {}).get("sha256")
    with model.open("rb") as stream:
        found = hashlib.file_digest(stream, "sha256").hexdigest()
    if found != wanted:
        raise pb.TritonModelException(f"{model.name}: digest {found} is not the manifest's {wanted}")
