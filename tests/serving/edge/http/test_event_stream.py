"""Event streams through a whole HTTP server, over real sockets."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import time
from collections.abc import AsyncGenerator, Callable, Iterator
from dataclasses import dataclass, field
from functools import partial

import pytest

from serving.edge.application import HttpApplication
from serving.edge.grpc.door import GrpcDoor
from serving.edge.http.event_stream import HEARTBEAT, Event, EventStream
from serving.edge.http.routes import Route
from serving.edge.request_life import Answer, Request
from serving.hosting.listener import Listener
from serving.kernel.errors import Overloaded
from serving.observe.request_record import CLIENT_GONE
from tests.serving.edge.toy import Recorder, ToyPlane
from tests.serving.edge.wire import ask, connected, eventually

LARGE = "x" * 60_000


@dataclass
class Streams:
    """A server with streams of its own, and what became of their generators."""

    recorder: Recorder = field(default_factory=Recorder)
    made: int = 0
    closed: list[str] = field(default_factory=list)
    address: str = ""

    async def three(self, request: Request) -> AsyncGenerator[Event, None]:
        yield Event({"n": 1}, "number", "1")
        yield Event({"n": 2})
        await asyncio.sleep(0.5)
        yield Event("two\nlines")

    async def failing(self, request: Request) -> AsyncGenerator[Event, None]:
        yield Event(1)
        raise Overloaded("the queue is full")

    async def crashing(self, request: Request) -> AsyncGenerator[Event, None]:
        yield Event(1)
        raise RuntimeError("secret")

    async def endless(self, request: Request) -> AsyncGenerator[Event, None]:
        try:
            while True:
                self.made += 1
                yield Event(LARGE)
        finally:
            self.closed.append("endless")

    async def silent(self, request: Request) -> AsyncGenerator[Event, None]:
        try:
            yield Event("begun")
            await asyncio.sleep(120)
        finally:
            self.closed.append("silent")

    def routes(self) -> list[Route]:
        return [
            Route(method, f"/v1/streams/{events.__name__}", partial(self.answer, events), scope=None)
            for events in (self.three, self.failing, self.crashing, self.endless, self.silent)
            for method in ("GET", "POST")
        ]

    async def answer(self, events: Callable[[Request], AsyncGenerator[Event, None]], request: Request) -> Answer:
        return EventStream(request, events(request), 0.1)

    def get(self, name: str, method: str = "GET") -> bytes:
        """The head and the whole body, for a stream that ends."""
        with connected(self.address) as connection:
            connection.sendall(request(name, method))
            return b"".join(iter(lambda: connection.recv(65536), b""))

    def record(self, name: str) -> tuple[int, str]:
        route = f"/v1/streams/{name}"
        eventually(lambda: any(record.route == route for record in self.recorder.records))
        (record,) = [record for record in self.recorder.records if record.route == route]
        return record.status, record.error


def request(name: str, method: str = "GET") -> bytes:
    head = f"{method} /v1/streams/{name} HTTP/1.1\r\nhost: x\r\nconnection: close\r\naccept-encoding: gzip\r\n"
    return f"{head}content-length: 0\r\n\r\n".encode()


@pytest.fixture
def streams() -> Iterator[Streams]:
    made, plane = Streams(), ToyPlane()
    application = HttpApplication(plane, made.recorder, extra=made.routes())
    listener = Listener(application, GrpcDoor(plane), plane.settings)
    listener.start()
    made.address = f"127.0.0.1:{listener.ports.http}"
    yield made
    listener.stop(1.0)


def events(answer: bytes) -> list[bytes]:
    """What was sent, out of its chunks."""
    body = answer.partition(b"\r\n\r\n")[2]
    text = b"".join(re.findall(rb"[0-9a-f]+\r\n(.*?)\r\n(?=[0-9a-f]+\r\n)", body + b"0\r\n", re.DOTALL))
    return [part + b"\n\n" for part in text.split(b"\n\n") if part]


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_events_and_heartbeats(streams: Streams, method: str) -> None:
    answer = streams.get("three", method)
    head = answer.partition(b"\r\n\r\n")[0].lower()
    assert b"content-type: text/event-stream" in head and b"content-encoding" not in head
    assert b"x-request-id: " in head
    found = events(answer)
    assert [part for part in found if part != HEARTBEAT] == [
        b'event: number\nid: 1\ndata: {"n":1}\n\n',
        b'data: {"n":2}\n\n',
        b'data: "two\\nlines"\n\n',
    ]
    assert found.index(HEARTBEAT) == 2 and found[-1] != HEARTBEAT
    assert streams.record("three") == (200, "")


def test_head_does_not_begin_a_stream(streams: Streams) -> None:
    assert streams.get("endless", "HEAD").startswith(b"HTTP/1.1 200")
    assert streams.made == 0


@pytest.mark.parametrize(
    ("name", "status", "error", "title"),
    [("failing", 503, "Overloaded", "Overloaded"), ("crashing", 500, "SlipwayError", "Internal error")],
)
def test_an_error_is_the_last_event(streams: Streams, name: str, status: int, error: str, title: str) -> None:
    answer = streams.get(name)
    first, last = events(answer)
    assert first == b"data: 1\n\n" and b"secret" not in answer
    label, data = last.decode().strip().split("\n")
    problem = json.loads(data.removeprefix("data: "))
    assert (label, problem["status"], problem["title"]) == ("event: error", status, title)
    assert streams.record(name) == (status, error)


def test_a_slow_client_slows_the_generator_down(streams: Streams) -> None:
    with connected(streams.address) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        connection.sendall(request("endless"))
        connection.recv(1000)
        counts = [-1, 0]
        while counts[-1] != counts[-2]:
            # Nothing is read, so the generator stops as soon as the buffers of both sides are full.
            time.sleep(0.5)
            counts.append(streams.made)
        assert 0 < counts[-1] < 2000 and streams.closed == []
        before = counts[-1]
        for _ in range(400):
            connection.recv(65536)
        eventually(lambda: streams.made > before)
    eventually(lambda: streams.closed == ["endless"])


@pytest.mark.parametrize("name", ["silent", "endless"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_client_that_leaves_cancels_the_generator(streams: Streams, name: str, method: str) -> None:
    with connected(streams.address) as connection:
        connection.sendall(request(name, method))
        assert connection.recv(1000)
    eventually(lambda: streams.closed == [name])
    assert streams.record(name) == (CLIENT_GONE, "ClientGone")
    assert streams.recorder.running == 0
    assert ask(streams.address, b"GET /v2/health/live HTTP/1.1\r\nhost: x\r\n\r\n")[0] == 200


def test_names_and_ids_are_single_lines() -> None:
    for event in (Event(1, name="a\nb"), Event(1, id="a\rb")):
        with pytest.raises(ValueError, match="must be a single line"):
            event.encoded()
