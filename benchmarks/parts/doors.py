"""Requests a second and latency through each door of the running stack, on loopback, bounded in count."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
from tritonclient import grpc as triton

from apps.price.app import app
from control.console import note, print_table
from control.settings import StackSettings
from control.stack.files.state import read_state
from serving.kernel.settings import read

REQUESTS = 2000
Send = Callable[[], None]


def main() -> None:
    """Print the table."""
    state = read_state(read(StackSettings).home)
    if state is None or not state.http:
        note("doors: the stack is not running; `make up` first")
        return
    rows = []
    for name, connect in _doors(state.http, state.grpc).items():
        for clients in (1, 8):
            times, seconds = _load(connect, clients)
            p50, p99 = np.percentile(times, [50, 99]) * 1e3
            rows.append((name, str(clients), f"{len(times) / seconds:.0f}", f"{p50:.2f}", f"{p99:.2f}"))
    columns = ("door", "clients", "requests/s", "p50 ms", "p99 ms")
    print_table(columns, rows, "doors (Python clients on the same two cores are part of the cost)")


def _doors(address: str, rpc: str) -> dict[str, Callable[[], Send]]:
    width = len(app.feature_names)
    record = msgspec.json.encode({"instances": [app.example]})
    tensor = {"name": "features", "datatype": "FP32", "shape": [1, width], "data": [1.0] * width}
    return {
        "v1 predict": lambda: _http(address, "/v1/models/price:predict", record),
        "v1 explain": lambda: _http(address, "/v1/models/price:explain", record),
        "v2 infer JSON": lambda: _http(
            address, "/v2/models/price/infer", msgspec.json.encode({"inputs": [tensor]})
        ),
        "gRPC infer": lambda: _grpc(rpc, width),
    }


def _http(address: str, path: str, body: bytes) -> Send:
    connection = http.client.HTTPConnection(address, timeout=30)

    def send() -> None:
        connection.request("POST", path, body, {"content-type": "application/json"})
        answer = connection.getresponse()
        if answer.read() and answer.status != 200:
            raise RuntimeError(f"{path}: {answer.status}")

    return send


def _grpc(address: str, width: int) -> Send:
    client: Any = triton.InferenceServerClient(address)
    given = triton.InferInput("features", [1, width], "FP32")
    given.set_data_from_numpy(np.ones((1, width), np.float32))
    return lambda: client.infer("price", [given])


def _load(connect: Callable[[], Send], clients: int) -> tuple[list[float], float]:
    """Latencies in seconds of `REQUESTS` requests from `clients` clients, and the duration of all of them."""
    times: list[float] = []

    def work() -> None:
        send = connect()
        send()
        for _ in range(REQUESTS // clients):
            started = time.perf_counter()
            send()
            times.append(time.perf_counter() - started)

    threads = [threading.Thread(target=work) for _ in range(clients)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return times, time.perf_counter() - started
