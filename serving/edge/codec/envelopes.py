"""Envelopes seen before: the JSON part of binary requests, which clients repeat while only the tensors change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from serving.edge.codec.datatypes import from_bytes
from serving.edge.codec.tensors import TensorRequest
from serving.kernel.app import App
from serving.kernel.tensors import TensorSpec

__all__ = ["Envelope", "Envelopes", "Place"]

Place = tuple[TensorSpec, int, int, str]
"""A tensor, where its bytes begin and end, and its JSON path."""

LONGEST, MOST = 2048, 256
"""Bytes of an envelope that is kept, and how many are."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """What was found in an envelope all of whose tensors follow as bytes, and was found right."""

    app: App[Any, Any, Any]
    size: int
    """Bytes of all tensors."""
    inputs: tuple[Place, ...]
    """In the order of the app's inputs."""
    outputs: tuple[str, ...]
    binary: frozenset[str]
    id: str
    rows: int

    def request(self, rest: memoryview) -> TensorRequest:
        """The request with `rest` as its tensors. Raises `Malformed` where their bytes are not such tensors."""
        arrays = {spec.name: from_bytes(spec, rest[start:end], path) for spec, start, end, path in self.inputs}
        return TensorRequest(arrays, self.outputs, self.binary, self.id, self.rows)


class Envelopes:
    """The latest ones, by model and text. An id that is new with every request makes them useless, not wrong."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, bytes], Envelope] = {}

    def find(self, app: App[Any, Any, Any], text: bytes | memoryview, size: int) -> Envelope | None:
        """That of a request for `app` with this JSON part and `size` bytes of tensors."""
        found = self._known.get((app.name, bytes(text))) if len(text) <= LONGEST else None
        return found if found is not None and found.app is app and found.size == size else None

    def keep(
        self,
        app: App[Any, Any, Any],
        text: bytes | memoryview,
        places: Mapping[str, Place],
        asked: TensorRequest,
    ) -> None:
        """Remember a request that was found right, `places` its tensors by name."""
        if len(text) > LONGEST:
            return
        if len(self._known) >= MOST:
            self._known.clear()
        inputs = tuple(places[spec.name] for spec in app.inputs)
        size = max(end for _, _, end, _ in inputs)
        self._known[app.name, bytes(text)] = Envelope(
            app, size, inputs, asked.outputs, asked.binary, asked.id, asked.rows
        )
