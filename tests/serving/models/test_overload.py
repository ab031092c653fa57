"""What callers see when a small server gets more than it can do: over real sockets, with a model that is slow."""

from __future__ import annotations

import asyncio
import json
import resource
import socket
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from serving.edge.application import HttpApplication
from serving.edge.grpc.door import GrpcDoor
from serving.edge.http import uvicorn_protocol
from serving.hosting.listener import Listener
from serving.kernel.app import App
from serving.kernel.app_values import Batching
from serving.kernel.backend import Backend, BatchKind
from serving.kernel.settings import Settings
from serving.kernel.storage.model_repository import Repository
from serving.kernel.storage.version_manifest import Manifest
from serving.kernel.tensors import Arrays
from serving.models.batching.batcher import Batcher
from serving.models.catalog import Catalog
from serving.models.dataplane import DataPlane
from serving.observe.metrics import Metrics
from serving.observe.requests import RequestEvents
from serving.observe.versions import VersionEvents
from tests.serving import toy
from tests.serving.edge.wire import connected, eventually, post, read_answer

PATH = "/v1/models/toy:predict"
ROWS, QUEUE = 4, 16


@dataclass
class SlowModel:
    """Adds two numbers. A batch waits while `go` is not set."""

    go: threading.Event = field(default_factory=threading.Event)
    begun: int = 0
    """Batches that run or ran since the model was last held."""
    rows: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.go.set()
        self.pool = ThreadPoolExecutor(1)

    def run(self, inputs: Arrays) -> Arrays:
        self.begun += 1
        self.go.wait(20)
        self.rows += inputs["features"][:, 0].tolist()
        return {"total": inputs["features"].sum(axis=1, keepdims=True, dtype=np.float32)}

    def execute(self, kind: BatchKind, payloads: Sequence[Any], deadline: float) -> Awaitable[list[Any]]:
        def batch() -> list[Any]:
            return kind.split(payloads, self.run(kind.join(payloads)))

        return asyncio.get_running_loop().run_in_executor(self.pool, batch)


class Events(RequestEvents):
    """Counts requests as they come, too."""

    come = 0

    def started(self, door: str) -> None:
        self.come += 1
        super().started(door)


@dataclass
class Served:
    address: str
    model: SlowModel
    events: Events


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    root = tmp_path_factory.mktemp("overload")
    toy.write_version(root, 1)
    model, metrics = SlowModel(), Metrics()

    async def open_backend(app: App[Any, Any, Any], manifest: Manifest) -> Backend:
        return Batcher(model.execute, Batching(max_rows=ROWS, max_queue_rows=QUEUE), metrics.version("toy", 1))

    settings = Settings(http_port=0, grpc_port=0, default_timeout_ms=10_000)
    catalog = Catalog([toy.app], Repository(Path(root)), open_backend, VersionEvents(metrics))
    plane, events = DataPlane(settings, catalog), Events(metrics, lambda lines: None)
    doors = Listener(
        HttpApplication(plane, events, metrics.scrape), GrpcDoor(plane, events), settings, on_start=catalog.refresh
    )
    doors.start()
    yield Served(f"127.0.0.1:{doors.ports.http}", model, events)
    model.go.set()
    doors.stop(2.0)
    model.pool.shutdown()


@pytest.fixture
def held(served: Served) -> Iterator[Served]:
    """The model stands still until the test lets it go."""
    served.model.go.clear()
    served.model.begun = 0
    served.model.rows.clear()
    yield served
    served.model.go.set()
    eventually(lambda: served.events.in_flight == 0)


def question(number: float, **headers: Any) -> bytes:
    return post(json.dumps({"instances": [{"a": number, "b": 1.0}]}).encode(), PATH, **headers)


def total(body: bytes) -> float:
    return float(json.loads(body)["predictions"][0]["total"])


def dial(stack: ExitStack, served: Served, source: str = "127.0.0.1") -> socket.socket:
    host, _, port = served.address.rpartition(":")
    return stack.enter_context(socket.create_connection((host, int(port)), 20, (source, 0)))


def test_beyond_the_queue_the_answer_is_503_at_once_and_nothing_accepted_is_lost(held: Served) -> None:
    before = held.events.come
    with ExitStack() as stack:
        made = [dial(stack, held) for _ in range(60)]
        made[0].sendall(question(0))
        eventually(lambda: held.model.begun == 1)
        for number, connection in enumerate(made[1:], 1):
            connection.sendall(question(number))
        eventually(lambda: held.events.come == before + 60)
        held.model.go.set()
        answers = [read_answer(connection) for connection in made]
    statuses = Counter(status for status, _, _ in answers)
    assert set(statuses) == {200, 503}
    assert statuses[200] == 1 + QUEUE
    for number, (status, headers, body) in enumerate(answers):
        if status == 200:
            assert total(body) == number + 1
        else:
            assert headers["retry-after"] == "1" and json.loads(body)["title"] == "Overloaded"


def test_a_flood_of_one_client_does_not_push_out_another(held: Served) -> None:
    before = held.events.come
    with ExitStack() as stack:
        flood = [dial(stack, held, "127.0.0.2") for _ in range(60)]
        for number, connection in enumerate(flood):
            connection.sendall(question(number))
        eventually(lambda: held.events.come == before + 60)
        other = dial(stack, held, "127.0.0.3")
        other.sendall(question(1000.0))
        eventually(lambda: held.events.come == before + 61)
        held.model.go.set()
        status, _, body = read_answer(other)
        assert (status, total(body)) == (200, 1001.0)
        for connection in flood:
            read_answer(connection)
    assert held.model.rows.index(1000.0) < 3 * ROWS, "it did not wait behind the whole flood"


def test_an_urgent_request_overtakes(held: Served) -> None:
    with ExitStack() as stack:
        made = []
        for number in range(10):
            made.append(dial(stack, held))
            made[-1].sendall(question(number, priority="u=5"))
            eventually(lambda: held.events.in_flight == len(made))
        made.append(dial(stack, held))
        made[-1].sendall(question(77.0, priority="u=0, i"))
        eventually(lambda: held.events.in_flight == len(made))
        held.model.go.set()
        assert [read_answer(connection)[0] for connection in made] == [200] * 11
    assert held.model.rows.index(77.0) <= ROWS


def test_a_model_that_hangs_costs_each_caller_its_deadline_and_no_more(held: Served) -> None:
    with ExitStack() as stack:
        made = [dial(stack, held) for _ in range(10)]
        for number, connection in enumerate(made):
            connection.sendall(question(number, x_request_timeout_ms=300))
        assert [read_answer(connection)[0] for connection in made] == [504] * 10
        held.model.go.set()
        made[0].sendall(question(50.0))
        assert read_answer(made[0])[0] == 200
    ran = [row for row in held.model.rows if row < 50.0]
    assert len(ran) <= ROWS, "only the batch that hung; what had expired in the queue did not run"


def test_work_whose_callers_left_is_not_done(held: Served) -> None:
    with connected(held.address) as first:
        first.sendall(question(0.0))
        eventually(lambda: held.events.in_flight == 1)
        with ExitStack() as stack:
            for number in range(10):
                dial(stack, held).sendall(question(100.0 + number))
            eventually(lambda: held.events.in_flight == 11)
        eventually(lambda: held.events.in_flight == 1)
        held.model.go.set()
        assert read_answer(first)[0] == 200
        first.sendall(question(1.0))
        assert read_answer(first)[0] == 200
    assert not [row for row in held.model.rows if row >= 100.0 + ROWS]


def test_cancelled_calls_leave_nothing_behind(served: Served) -> None:
    for number in range(300):
        with connected(served.address) as connection:
            raw = question(number)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
            connection.sendall(raw[: number % len(raw)] if number % 2 else raw)
    eventually(lambda: served.events.in_flight == 0)
    with connected(served.address) as connection:
        connection.sendall(question(2.0))
        assert read_answer(connection)[0] == 200


def test_thousands_of_idle_connections_do_not_matter(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    # On a busy machine the last of them is made long after the first.
    monkeypatch.setattr(uvicorn_protocol, "HEAD_SECONDS", 600.0)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    # Both ends are in this process.
    count = min(5_000, (hard - 500) // 2)
    with ExitStack() as stack:
        idle = [dial(stack, served) for _ in range(count)]
        for connection in (idle[0], idle[count // 2], idle[-1]):
            connection.sendall(question(3.0))
            assert total(read_answer(connection)[2]) == 4.0


def test_answers_are_never_mixed_up_under_load(served: Served) -> None:
    wrong: list[tuple[float, float]] = []

    def caller(first: int) -> int:
        good = 0
        with connected(served.address) as connection:
            for number in range(first, first + 150):
                connection.sendall(question(number))
                status, _, body = read_answer(connection)
                good += status == 200
                if status == 200 and total(body) != number + 1:
                    wrong.append((number, total(body)))
        return good

    began = time.monotonic()
    with ThreadPoolExecutor(16) as pool:
        good = sum(pool.map(caller, range(0, 16_000, 1_000)))
    assert not wrong
    assert good > 1_000, f"most were answered ({time.monotonic() - began:.1f} s)"
