"""A really listening server over the small data plane."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from serving.edge.application import HttpApplication
from serving.edge.grpc.door import GrpcDoor
from serving.hosting.listener import Listener
from tests.serving.edge.toy import Recorder, ToyPlane


@dataclass
class Server:
    plane: ToyPlane
    recorder: Recorder
    listener: Listener

    @property
    def http(self) -> str:
        return f"127.0.0.1:{self.listener.ports.http}"

    @property
    def grpc(self) -> str:
        return f"127.0.0.1:{self.listener.ports.grpc}"


def metrics() -> Callable[[], tuple[bytes, str]]:
    return lambda: (b"up 1\n", "text/plain; version=0.0.4")


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    plane, recorder = ToyPlane(), Recorder()
    listener = Listener(HttpApplication(plane, recorder, metrics), GrpcDoor(plane, recorder), plane.settings)
    listener.start()
    yield Server(plane, recorder, listener)
    listener.stop(1.0)
