"""The model as every peer runs it: the same ONNX file, the same options, the same arithmetic.

Variables: `BENCH_MODEL` (the .onnx file), `BENCH_THREADS` (of one inference, default 1), `BENCH_BATCH` (most rows
of one batch, default 64), `BENCH_WAIT_MS` (how long a batcher that waits may wait, default 1), `BENCH_PORT`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime

__all__ = ["BATCH", "PORT", "WAIT_SECONDS", "Model", "Record"]

BATCH = int(os.environ.get("BENCH_BATCH", "64"))
WAIT_SECONDS = float(os.environ.get("BENCH_WAIT_MS", "1")) / 1e3
PORT = int(os.environ.get("BENCH_PORT", "0"))
KINDS = {"tensor(float)": np.float32, "tensor(int64)": np.int64}

Record = Mapping[str, Sequence[float]]
"""One row: every input of the model by name, as JSON has it."""


class Model:
    """An open session. Records in; the mean of the squares of each row of the model's output out."""

    def __init__(self) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = int(os.environ.get("BENCH_THREADS", "1"))
        options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = onnxruntime.InferenceSession(
            os.environ["BENCH_MODEL"], options, providers=["CPUExecutionProvider"]
        )
        self._kinds = {item.name: KINDS[item.type] for item in self._session.get_inputs()}

    def errors(self, records: Sequence[Record]) -> list[float]:
        """One number per record."""
        return self.mean_squares({name: [record[name] for record in records] for name in self._kinds})

    def mean_squares(self, columns: Mapping[str, Any]) -> list[float]:
        """The same for inputs that are rows already: arrays, or lists of lists, by name."""
        rows = self.outputs(columns)
        found: list[float] = (rows * rows).mean(axis=1).tolist()
        return found

    def outputs(self, columns: Mapping[str, Any]) -> npt.NDArray[np.float32]:
        """The model's output, one row each."""
        feed = {name: np.asarray(columns[name], kind) for name, kind in self._kinds.items()}
        rows: npt.NDArray[np.float32] = self._session.run(None, feed)[0]
        return rows
