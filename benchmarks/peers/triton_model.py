"""Triton's side: a model of its `python` backend that runs model.onnx with ONNX Runtime.

Triton's compiled onnxruntime backend is in no package registry. Self-contained, as Triton's interpreter finds
nothing of this project. Parameter `answer` in config.pbtxt: `errors` (mean of squares per row) or `rows` (output).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime
import triton_python_backend_utils as pb

__all__ = ["TritonPythonModel"]


class TritonPythonModel:
    """What Triton calls: once `initialize`, then `execute` with the requests of one batch."""

    def initialize(self, args: dict[str, str]) -> None:
        """Open the model beside this file."""
        config = json.loads(args["model_config"])
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = int(config["parameters"]["threads"]["string_value"])
        options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        path = Path(args["model_repository"]) / args["model_version"] / "model.onnx"
        self.session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        self.inputs = [item["name"] for item in config["input"]]
        self.output = config["output"][0]["name"]
        self.errors = config["parameters"]["answer"]["string_value"] == "errors"

    def execute(self, requests: list[Any]) -> list[Any]:
        """Run all requests as one batch."""
        parts = [self._read(request) for request in requests]
        feed = {name: np.concatenate([part[name] for part in parts]) for name in self.inputs}
        rows: npt.NDArray[np.float32] = self.session.run(None, feed)[0]
        answers = (rows * rows).mean(axis=1, keepdims=True) if self.errors else rows
        ends = np.cumsum([len(part[self.inputs[0]]) for part in parts])[:-1]
        return [
            pb.InferenceResponse([pb.Tensor(self.output, np.ascontiguousarray(answer))])
            for answer in np.split(answers, ends)
        ]

    def _read(self, request: Any) -> dict[str, npt.NDArray[Any]]:
        return {name: pb.get_input_tensor_by_name(request, name).as_numpy() for name in self.inputs}
