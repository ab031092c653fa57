"""A Triton that does what the real one does only when it is broken, on a real port."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent import futures
from contextlib import contextmanager
from typing import Any

import grpc
from tritonclient.grpc import service_pb2 as messages
from tritonclient.grpc import service_pb2_grpc as services

__all__ = ["FakeTriton", "running"]


class FakeTriton(services.GRPCInferenceServiceServicer):  # type: ignore[misc]
    """Loads and unloads in name only; `fails` says how a call fails."""

    def __init__(self) -> None:
        self.loaded: dict[str, set[int]] = {}
        self.fails: dict[str, grpc.StatusCode] = {}
        self.lies: set[int] = set()
        """Versions that it says it has loaded, and does not serve."""
        self.loads: list[tuple[str, set[int]]] = []

    def _fail(self, call: str, context: Any) -> None:
        if call in self.fails:
            context.abort(self.fails[call], "it is\nbroken")

    def RepositoryIndex(self, request: Any, context: Any) -> Any:
        """The versions that are loaded."""
        self._fail("index", context)
        answer = messages.RepositoryIndexResponse()
        for name, versions in self.loaded.items():
            for version in versions:
                answer.models.add(name=name, version=str(version), state="READY")
        return answer

    def RepositoryModelLoad(self, request: Any, context: Any) -> Any:
        """Load what the policy names."""
        policy = json.loads(request.parameters["config"].string_param)["version_policy"]
        versions = {int(version) for version in policy["specific"]["versions"]}
        self.loads.append((request.model_name, versions))
        self._fail("load", context)
        self.loaded[request.model_name] = versions - self.lies
        return messages.RepositoryModelLoadResponse()

    def RepositoryModelUnload(self, request: Any, context: Any) -> Any:
        """Unload all versions."""
        self.loaded.pop(request.model_name, None)
        return messages.RepositoryModelUnloadResponse()

    def ModelConfig(self, request: Any, context: Any) -> Any:
        """Nothing at all."""
        self._fail("config", context)
        return messages.ModelConfigResponse()


@contextmanager
def running(triton: FakeTriton) -> Iterator[str]:
    """host:port of the gRPC door."""
    server = grpc.server(futures.ThreadPoolExecutor(2))
    services.add_GRPCInferenceServiceServicer_to_server(triton, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(None).wait()
