"""Envelopes that were seen before: clients repeat the JSON part of binary requests and change only the tensors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from serving.edge.codec.datatypes import from_bytes
from serving.edge.codec.tensors import TensorRequest
from serving.kernel.app import App
from serving.kernel.tensors import TensorSpec

__all__ = ["Envelope", "Envelopes", "TensorSlice"]

TensorSlice = tuple[TensorSpec, int, int, str]
"""A tensor, where its bytes begin and end in the body, and its JSON path."""

LONGEST, MOST = 2048, 256
"""Most bytes of an envelope that is remembered, and most envelopes."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """The content of a valid envelope, all of whose tensors follow as bytes."""

    app: App[Any, Any, Any]
    size: int
    """Bytes of all tensors."""
    inputs: tuple[TensorSlice, ...]
    """In the order of the app's inputs."""
    outputs: tuple[str, ...]
    binary: frozenset[str]
    id: str
    rows: int

    def request(self, rest: memoryview) -> TensorRequest:
        """The request with the tensors in `rest`. Raises `Malformed` where their bytes do not fit the envelope."""
        arrays = {spec.name: from_bytes(spec, rest[start:end], path) for spec, start, end, path in self.inputs}
        return TensorRequest(arrays, self.outputs, self.binary, self.id, self.rows)


class Envelopes:
    """Recent envelopes by model and text. If every request has a new id, none is found; no harm."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, bytes], Envelope] = {}

    def find(self, app: App[Any, Any, Any], text: bytes | memoryview, size: int) -> Envelope | None:
        """The envelope of a request for `app` with this JSON part and `size` bytes of tensors, if known."""
        found = self._known.get((app.name, bytes(text))) if len(text) <= LONGEST else None
        return found if found is not None and found.app is app and found.size == size else None

    def remember(
        self,
        app: App[Any, Any, Any],
        text: bytes | memoryview,
        places: Mapping[str, TensorSlice],
        request: TensorRequest,
    ) -> None:
        """Remember a valid request. `places` has its tensors by name."""
        if len(text) > LONGEST:
            return
        if len(self._known) >= MOST:
            self._known.clear()
        inputs = tuple(places[spec.name] for spec in app.inputs)
        size = max(end for _, _, end, _ in inputs)
        self._known[app.name, bytes(text)] = Envelope(
            app, size, inputs, request.outputs, request.binary, request.id, request.rows
        )
