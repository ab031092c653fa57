"""The calls to a running Triton: what it has loaded, load, unload."""

from __future__ import annotations

import tritonclient.grpc as client
from google.protobuf import json_format
from tritonclient.grpc import model_config_pb2 as pb
from tritonclient.utils import InferenceServerException

from control.errors import CommandError
from control.triton.place import as_json

__all__ = ["Server", "TritonAway", "TritonLacks", "TritonRefused"]

SECONDS = 10.0
LOAD_SECONDS = 600.0
AWAY = ("StatusCode.UNAVAILABLE", "StatusCode.DEADLINE_EXCEEDED", "StatusCode.CANCELLED")
READY = "READY"


class TritonAway(CommandError):
    """Triton does not answer; another attempt may succeed."""

    exit_code = 1


class TritonRefused(CommandError):
    """Triton does not load a model; the message is its own."""

    exit_code = 1


class TritonLacks(TritonRefused):
    """Triton says that it has loaded a model, and does not serve some of its versions."""

    def __init__(self, versions: set[int]) -> None:
        """The versions that it does not serve."""
        self.versions = versions
        super().__init__(
            f"it says that it has loaded them, and does not serve {', '.join(map(str, sorted(versions)))}"
        )


class Server:
    """One Triton. Methods raise `TritonAway` or `TritonRefused`."""

    def __init__(self, url: str) -> None:
        """`url` is host:port of the gRPC door."""
        self._url = url
        self._client = client.InferenceServerClient(url)

    def served(self) -> dict[str, set[int]]:
        """Model -> the versions that are loaded and ready. Raises `TritonAway` alone: no model is at fault."""
        try:
            index = self._client.get_model_repository_index(client_timeout=SECONDS)
        except InferenceServerException as cause:
            raise self._away(cause) from None
        found: dict[str, set[int]] = {}
        for model in index.models:
            if model.state == READY and model.version.isdecimal():
                found.setdefault(model.name, set()).add(int(model.version))
        return found

    def config(self, model: str) -> pb.ModelConfig:
        """The configuration that a model was loaded with."""
        try:
            answer = self._client.get_model_config(model, as_json=True, client_timeout=SECONDS)
        except InferenceServerException as cause:
            raise self._error(cause) from None
        # A message without a field is a dictionary without the key.
        return json_format.ParseDict(answer.get("config", {}), pb.ModelConfig(), ignore_unknown_fields=True)

    def load(self, config: pb.ModelConfig) -> None:
        """Load a model with this configuration. Versions that are loaded answer until the new ones are ready."""
        try:
            self._client.load_model(config.name, config=as_json(config), client_timeout=LOAD_SECONDS)
        except InferenceServerException as cause:
            raise self._error(cause) from None

    def unload(self, model: str) -> None:
        """Unload all versions of a model; running requests end first."""
        try:
            self._client.unload_model(model, client_timeout=LOAD_SECONDS)
        except InferenceServerException as cause:
            raise self._error(cause) from None

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def _error(self, cause: InferenceServerException) -> CommandError:
        if cause.status() in AWAY:
            return self._away(cause)
        return TritonRefused(_words(cause)[:500])

    def _away(self, cause: InferenceServerException) -> TritonAway:
        return TritonAway(f"Triton at {self._url} does not answer: {_words(cause)[:200]}")


def _words(cause: InferenceServerException) -> str:
    """The message in one line."""
    return " ".join(str(cause.message() or "").split())
