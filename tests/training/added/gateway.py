"""A gateway of added models in the test's process, and clients for each of its doors."""

from __future__ import annotations

import asyncio
import http.client
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import tritonclient.grpc
import tritonclient.http

from serving.edge.application import HttpApplication
from serving.edge.grpc.door import GrpcDoor
from serving.hosting.listener import Listener
from serving.kernel.added.find import AddedModels
from serving.kernel.settings import Settings
from serving.kernel.storage.model_repository import Repository
from serving.kernel.tensors import Arrays, TensorSpec
from serving.models.backends.factory import Backends
from serving.models.catalog import Catalog
from serving.models.dataplane import DataPlane
from serving.observe.metrics import Metrics
from serving.observe.versions import VersionEvents

__all__ = ["Gateway", "serving"]

CLIENTS = {"binary": tritonclient.http, "grpc": tritonclient.grpc}


@dataclass
class Gateway:
    """A running gateway, which looks at its repository when it is told to."""

    catalog: Catalog
    doors: Listener

    def look(self) -> None:
        asyncio.run_coroutine_threadsafe(self.catalog.refresh(), self.doors.loop).result(60)

    def ask(self, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self.doors.ports.http, timeout=60)
        try:
            content = None if body is None else json.dumps(body)
            connection.request("GET" if body is None else "POST", path, content, headers)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()

    def predict(self, model: str, instances: Sequence[Any]) -> list[Any]:
        """Over v1."""
        status, found = self.ask(f"/v1/models/{model}:predict", {"instances": list(instances)})
        assert status == 200, found
        predictions: list[Any] = found["predictions"]
        return predictions

    def infer(self, door: str, model: str, inputs: Sequence[TensorSpec], rows: Arrays) -> dict[str, Any]:
        """Over v2 in JSON, v2 in bytes, or gRPC."""
        if door == "json":
            return self._infer_json(model, inputs, rows)
        module = CLIENTS[door]
        port = self.doors.ports.grpc if door == "grpc" else self.doors.ports.http
        with module.InferenceServerClient(f"127.0.0.1:{port}") as client:
            tensors = []
            for spec in inputs:
                tensor = module.InferInput(spec.name, rows[spec.name].shape, spec.datatype)
                brain = spec.datatype == "BF16"
                tensor.set_data_from_numpy(
                    rows[spec.name].astype(ml_dtypes.bfloat16) if brain else rows[spec.name]
                )
                tensors.append(tensor)
            found = client.infer(model, tensors)
            outputs = found.get_response()
            listed = outputs["outputs"] if door == "binary" else outputs.outputs
            names = [one["name"] if door == "binary" else one.name for one in listed]
            return {name: found.as_numpy(name) for name in names}

    def _infer_json(self, model: str, inputs: Sequence[TensorSpec], rows: Arrays) -> dict[str, Any]:
        tensors = [
            {
                "name": spec.name,
                "datatype": spec.datatype,
                "shape": list(rows[spec.name].shape),
                "data": rows[spec.name].reshape(-1).tolist(),
            }
            for spec in inputs
        ]
        status, found = self.ask(f"/v2/models/{model}/infer", {"inputs": tensors})
        assert status == 200, found
        return {one["name"]: np.array(one["data"]).reshape(one["shape"]) for one in found["outputs"]}


@contextmanager
def serving(root: Path, home: Path) -> Iterator[Gateway]:
    """A gateway of every added model in the repository `root`."""
    metrics, repository = Metrics(), Repository(root)
    settings = Settings(home=home, model_repository=root, http_port=0, grpc_port=0, backend="fused")
    backends = Backends(settings, repository, metrics, {})
    added = AddedModels(repository, ())
    catalog = Catalog([], repository, backends.open, VersionEvents(metrics), added=added)
    plane = DataPlane(settings, catalog)
    doors = Listener(
        HttpApplication(plane), GrpcDoor(plane), settings, on_start=catalog.refresh, on_stop=catalog.close
    )
    doors.start()
    try:
        yield Gateway(catalog, doors)
    finally:
        doors.stop(2.0)
