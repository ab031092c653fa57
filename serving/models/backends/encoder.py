"""A version's encoder, which turns questions and records into vectors; it always runs in this process."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from serving.kernel.app import App
from serving.kernel.collection import EMBEDDING, Collection
from serving.kernel.storage.record_store import Vectors
from serving.kernel.tensors import Arrays
from serving.models.backends.onnx_local import runner
from serving.models.backends.onnx_session import Sessions

__all__ = ["OnnxEncoder"]

ROWS = 64
"""The number of questions or records encoded at a time, to limit memory."""


class OnnxEncoder:
    """The encoder of one version. Blocking; may be used by several threads."""

    def __init__(self, app: App[Any, Any, Any], path: Path, digest: str) -> None:
        """`digest` is the file's digest: versions with the same digest make the same vectors.

        Raises `ValueError` if the graph's inputs and outputs are not those of the app's collection, and ONNX
        Runtime's errors.
        """
        if app.collection is None:
            raise ValueError(f"{app.name} has no collection")
        self.app = app
        self.collection: Collection[Any, Any] = app.collection
        self.digest = digest
        session = Sessions().open(path, 1)
        inputs = [item.name for item in session.get_inputs()]
        wanted = [spec.name for spec in self.collection.inputs]
        outputs = [(item.name, item.shape[1:]) for item in session.get_outputs()]
        if inputs != wanted or outputs != [(EMBEDDING, [self.collection.width])]:
            raise ValueError(
                f"takes {inputs} and gives {outputs}; expected {wanted} and {EMBEDDING} of {self.collection.width}"
            )
        self._run = runner(session)

    def records(self, records: Sequence[Any]) -> Vectors:
        """Vectors of records, [n, width]."""
        return self._vectors([self.collection.of_records(part) for part in _parts(records)])

    def questions(self, questions: Sequence[Any]) -> Vectors:
        """Vectors of questions, [n, width]."""
        return self._vectors([self.collection.of_questions(part) for part in _parts(questions)])

    def _vectors(self, parts: Sequence[Arrays]) -> Vectors:
        if not parts:
            return np.zeros((0, self.collection.width), np.float32)
        found: Vectors = np.concatenate([self._run(part, None)[EMBEDDING] for part in parts])
        return found


def _parts(items: Sequence[Any]) -> list[Sequence[Any]]:
    return [items[start : start + ROWS] for start in range(0, len(items), ROWS)]
