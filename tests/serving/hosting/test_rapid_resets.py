"""A client that resets its calls as fast as it can, beside one that waits for its answers."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import grpc
import pytest

from serving.edge.application import HttpApplication
from serving.edge.grpc.door import GrpcDoor
from serving.hosting.listener import Listener
from tests.serving.edge.toy import Recorder, ToyPlane
from tests.serving.hosting.frames import call, connection
from tests.serving.load import METHOD, OWN_CONNECTION, TENSORS

CALLS = 100
ATTACKERS = 2
BURST, PAUSE = 400, 0.01
"""Calls that an attacker resets in one go, and its seconds to the next, which leave the test some CPU."""

RESETS = 6_000
"""Without limits, gRPC cancels calls of everybody from 1,000 waiting ones on."""


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    plane = ToyPlane()
    listener = Listener(HttpApplication(plane), GrpcDoor(plane, Recorder()), plane.settings)
    listener.start()
    yield listener.ports.grpc
    listener.stop(1.0)


@contextmanager
def attack(port: int, acknowledged: bool) -> Iterator[Counter[str]]:
    """Attackers that reset every call, until the end of the block. Counts their calls."""
    ended, sent = threading.Event(), Counter[str]()

    def run() -> None:
        while not ended.is_set():
            try:
                with connection(port, acknowledged) as made:
                    sent["connections"] += 1
                    stream = 1
                    while not ended.is_set() and stream < 2**30:
                        made.sendall(b"".join(call(stream + 2 * n, reset=True) for n in range(BURST)))
                        sent["resets"] += BURST
                        stream += 2 * BURST
                        time.sleep(PAUSE)
            except OSError:
                sent["closed"] += 1

    threads = [threading.Thread(target=run) for _ in range(ATTACKERS)]
    for thread in threads:
        thread.start()
    try:
        yield sent
    finally:
        ended.set()
        for thread in threads:
            thread.join()


@pytest.mark.parametrize("acknowledged", [True, False])
def test_the_calls_of_others_are_answered(port: int, acknowledged: bool) -> None:
    answers: Counter[str] = Counter()
    with (
        attack(port, acknowledged) as sent,
        grpc.insecure_channel(f"127.0.0.1:{port}", options=OWN_CONNECTION) as channel,
    ):
        infer = channel.unary_unary(METHOD)
        while answers.total() < CALLS or sent["resets"] < RESETS:
            try:
                infer(TENSORS, timeout=60)
                answers["OK"] += 1
            except grpc.RpcError as error:
                answers[f"{error.code()} {error.details()}"] += 1  # type: ignore[attr-defined]
    assert set(answers) == {"OK"}, answers
