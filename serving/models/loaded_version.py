"""A version that was verified and loaded, with everything that answers a request."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from typing import Any

from serving.kernel.app import App, Explainer
from serving.kernel.app_values import load_values
from serving.kernel.backend import Backend
from serving.kernel.storage.model_repository import Repository
from serving.kernel.storage.record_store import Encoder
from serving.kernel.storage.version_manifest import Manifest
from serving.models.batching.batch_kinds import QuestionBatches, TensorBatches

__all__ = ["LoadedVersion", "open_explainer"]

log = logging.getLogger(__name__)


@dataclass(eq=False)
class LoadedVersion:
    """A verified version, ready to answer."""

    app: App[Any, Any, Any]
    manifest: Manifest
    context: Any
    backend: Backend
    repository: Repository
    encoder: Encoder | None = None
    """Searches the app's collection; None if the app or the version has no encoder."""
    number: int = field(init=False)
    """The version's number."""
    questions: QuestionBatches = field(init=False)
    tensors: TensorBatches = field(init=False)
    _explainer: Explainer | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        self.number = self.manifest.version
        self.questions = QuestionBatches(self.app, self.context)
        free = any(-1 in spec.shape[1:] for spec in self.app.inputs)
        buckets = load_values(self.app.folder).batching.length_buckets if free else ()
        self.tensors = TensorBatches(self.app.inputs, self.app.outputs, buckets, self.app.name, self.app.column_of)

    def explainer(self) -> Explainer:
        """The function that explains this version's answers; opened at first use. Blocking."""
        if self.app.explainer is None:
            raise LookupError(f"{self.app.name} has no explanations")
        if self._explainer is None:
            self._explainer = self.app.explainer(self.repository.folder(self.app.name, self.number), self.context)
        return self._explainer


async def open_explainer(loaded: LoadedVersion) -> None:
    """Open the explainer in a thread before the first request, which might time out during its imports.

    A version whose explainer cannot be opened still answers; only a request for an explanation fails.
    """
    if loaded.app.explainer is not None:
        try:
            await asyncio.to_thread(loaded.explainer)
        except Exception as cause:  # noqa: BLE001  an app's own code may raise any error
            log.warning("%s %d cannot explain its answers", loaded.app.name, loaded.number, exc_info=cause)
