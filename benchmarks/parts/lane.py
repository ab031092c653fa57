"""Microseconds of CPU that one request costs from the socket's bytes to the answer's, without kernel and client.

The real door, protocol, data plane classes and batcher over transports in memory, with a model that costs nothing:
on the hot lane, on the hot lane of a gateway that asks who calls (an API key), and on the way through
the ASGI application that every other request takes.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Container, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

import msgspec
import numpy as np
import uvicorn
import uvloop
from uvicorn.server import ServerState

from benchmarks.setup.models import app_of
from control.console import print_table
from serving.edge.application import HttpApplication
from serving.edge.http.connections import Connections
from serving.edge.http.uvicorn_protocol import HttpProtocol
from serving.edge.identity.key_file import editing, new_key
from serving.kernel.app import App
from serving.kernel.app_values import Batching
from serving.kernel.backend import BatchKind
from serving.kernel.call import Call
from serving.kernel.settings import Settings
from serving.kernel.tensors import Arrays
from serving.models.batching.batch_kinds import QuestionBatches, TensorBatches
from serving.models.batching.batcher import Batcher
from serving.models.dataplane import DataPlane
from serving.observe.metrics import Metrics
from serving.observe.requests import RequestEvents

__all__ = ["main"]

ROUNDS, REPEATS = 40, 15


class Plane(DataPlane):
    """One version of one app over a model that answers zeros."""

    def __init__(self, app: App[Any, Any, Any], metrics: Metrics, settings: Settings | None = None) -> None:
        self.settings = settings or Settings()
        self._app = app
        self._batcher = Batcher(self._run, Batching(), metrics.version(app.name, 1))
        self._questions, self._tensors = QuestionBatches(app, None), TensorBatches(app.inputs, app.outputs)

    def app(self, model: str, version: int | None = None) -> App[Any, Any, Any]:
        """The one there is."""
        return self._app

    def apps(self) -> tuple[App[Any, Any, Any], ...]:
        """The one there is."""
        return (self._app,)

    def models(self) -> Container[object]:
        """The name of the one there is."""
        return (self._app.name,)

    def ask(
        self, call: Call, model: str, version: int | None, questions: Sequence[Any]
    ) -> tuple[int, asyncio.Future[list[Any]]]:
        """As the real one, without a catalog."""
        return 1, self._batcher.submit(self._questions, questions, call)

    def submit(
        self, call: Call, model: str, version: int | None, inputs: Arrays
    ) -> tuple[int, asyncio.Future[Arrays]]:
        """As the real one, without a catalog."""
        return 1, self._batcher.submit(self._tensors, inputs, call)

    def _run(self, kind: BatchKind, payloads: Sequence[Any], deadline: float) -> list[Any]:
        rows = len(next(iter(kind.join(payloads).values())))
        return kind.split(payloads, {"output": np.zeros((rows, 50), np.float32)})


class Wire:
    """A transport that counts what is written."""

    def __init__(self) -> None:
        self.written = 0

    def write(self, data: bytes) -> None:
        """Count an answer."""
        self.written += 1

    def is_closing(self) -> bool:
        """Never."""
        return False

    def close(self) -> None:
        """Nothing to close."""

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """An address."""
        return ("127.0.0.1", 1) if name in ("peername", "sockname") else default

    def pause_reading(self) -> None:
        """Nothing to pause."""

    def resume_reading(self) -> None:
        """Nothing to resume."""


def make_key(folder: Path) -> str:
    """A key for every model."""
    with editing(folder) as (pepper, found):
        key, record = new_key(pepper, "benchmark", ("predict",))
        found.keys.append(record)
    return key


def request(app: App[Any, Any, Any], way: str, key: str) -> bytes:
    """One typed row; a query string keeps it off the hot lane."""
    body = msgspec.json.encode({"instances": [app.example]})
    query = "?" if way == "ASGI" else ""
    head = f"POST /v1/models/{app.name}:predict{query} HTTP/1.1\r\nhost: 127.0.0.1:8080\r\n"
    head += f"authorization: Bearer {key}\r\n" if key else ""
    return f"{head}content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body


async def measure(way: str, together: int, folder: Path) -> float:
    """The best of several means, microseconds per request, with `together` requests in one turn of the loop."""
    app, metrics = app_of("autoencoder"), Metrics()
    key = make_key(folder) if way == "key" else ""
    plane = Plane(app, metrics, Settings(key_folder=str(folder) if key else "", home=folder))
    application = HttpApplication(plane, RequestEvents(metrics, lambda lines: None), metrics.scrape)
    config = uvicorn.Config(
        application, http=HttpProtocol, lifespan="off", interface="asgi3", log_config=None, proxy_headers=False
    )
    config.load()
    state = ServerState()
    state.default_headers = [(b"date", b"Fri, 20 Nov 2026 18:00:00 GMT")]
    wires = [Wire() for _ in range(together)]
    lane, crowd = application.hot_lane, Connections(0, 0)
    connections = [
        HttpProtocol(config, state, {}, hot_lane=lane, requests=lane.requests, connections=crowd) for _ in wires
    ]
    for connection, wire in zip(connections, wires, strict=True):
        connection.connection_made(cast(asyncio.Transport, wire))
    raw, best = request(app, way, key), float("inf")
    for _ in range(REPEATS):
        started = time.perf_counter()
        for _ in range(ROUNDS):
            before = wires[-1].written
            for connection in connections:
                connection.data_received(raw)
            while wires[-1].written == before:
                await asyncio.sleep(0)
        best = min(best, (time.perf_counter() - started) / ROUNDS / together)
    for connection in connections:
        connection.connection_lost(None)
    return best * 1e6


def main() -> None:
    """Print the table."""
    rows = []
    for together in (1, 16, 64):
        with TemporaryDirectory() as folder:
            hot, key, cold = (
                uvloop.run(measure(way, together, Path(folder))) for way in ("hot lane", "key", "ASGI")
            )
        ratios = (f"{key:.1f}", f"{key / hot:.2f}x", f"{cold:.1f}", f"{cold / hot:.1f}x")
        rows.append((str(together), f"{hot:.1f}", *ratios))
    columns = ("requests in one turn", "hot lane, us each", "with a key", "", "ASGI, us each", "")
    print_table(columns, rows, "one typed request, kernel, client and model left out")
