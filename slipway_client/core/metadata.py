"""The tensors of the models, remembered for a while."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from slipway_client.core.attempts import Call, exchange
from slipway_client.core.json_text import decode_object
from slipway_client.core.options import Options
from slipway_client.core.steps import Request, Steps
from slipway_client.errors import BadAnswer, Invalid
from slipway_client.types import ModelMetadata, TensorSpec

__all__ = ["Metadata", "model_path"]

AGE_SECONDS = 60.0
"""A model's next champion may have other tensors."""


class Metadata:
    """Metadata by model and version."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._known: dict[tuple[str, int | None], tuple[float, ModelMetadata]] = {}

    def of(self, call: Call, name: str, version: int | None) -> Steps[ModelMetadata]:
        """What is remembered, else what the server says."""
        known = self._known.get((name, version))
        if known is not None and self._options.clock() - known[0] < AGE_SECONDS:
            return known[1]
        return (yield from self.ask(call, name, version))

    def ask(self, call: Call, name: str, version: int | None) -> Steps[ModelMetadata]:
        """What the server says; it is remembered."""
        reply = yield from exchange(call, Request("GET", model_path("v2", name, version)))
        document = decode_object(reply.body, call.request_id)
        try:
            found = _metadata(document)
        except (KeyError, TypeError, ValueError) as cause:
            text = f"the metadata of {name} cannot be read: {cause!r}"
            raise BadAnswer(text, request_id=call.request_id) from cause
        self._known[name, version] = (self._options.clock(), found)
        return found

    def forget(self, name: str) -> None:
        """Ask again next time."""
        for key in list(self._known):
            if key[0] == name:
                self._known.pop(key, None)


def model_path(protocol: str, name: str, version: int | str | None) -> str:
    """The path of a model. Raises `Invalid` for a version that is not a whole number above 0."""
    path = f"/{protocol}/models/{quote(name, safe='')}"
    if version is None:
        return path
    if isinstance(version, bool) or not str(version).isdecimal() or int(version) < 1:
        raise Invalid(f"`version` must be a whole number above 0, got {version!r}", field="version")
    return f"{path}/versions/{int(version)}"


def _metadata(document: dict[str, Any]) -> ModelMetadata:
    inputs, outputs = (tuple(map(_spec, document[key])) for key in ("inputs", "outputs"))
    versions = tuple(str(version) for version in document.get("versions") or ())
    return ModelMetadata(str(document["name"]), versions, str(document.get("platform", "")), inputs, outputs)


def _spec(tensor: dict[str, Any]) -> TensorSpec:
    return TensorSpec(str(tensor["name"]), str(tensor["datatype"]), tuple(int(size) for size in tensor["shape"]))
