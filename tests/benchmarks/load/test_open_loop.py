from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from benchmarks.load.open_loop import Client, Outcome, Schedule, answer_of

GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
BUSY = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n"
MESSAGE = b"POST / HTTP/1.1\r\ncontent-length: 0\r\n\r\n"


@contextmanager
def server(reply: Callable[[int], bytes]) -> Iterator[int]:
    """One connection, answered in order; the reply gets the number of the request. Empty closes the connection."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=_serve, args=(listener, reply))
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def _serve(listener: socket.socket, reply: Callable[[int], bytes]) -> None:
    seen = 0
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        with connection:
            while connection.recv(65536):
                answer = reply(seen)
                seen += 1
                if not answer:
                    break
                connection.sendall(answer)


def outcome(reply: Callable[[int], bytes], rate: float, seconds: float) -> Outcome:
    with server(reply) as port:
        client = Client(port, MESSAGE, connections=1)
        try:
            return client.run(rate, seconds)
        finally:
            client.close()


def test_requests_are_due_by_the_clock() -> None:
    schedule = Schedule(start=10.0, rate=4.0, total=6)
    assert [schedule.due(index) for index in range(3)] == [10.0, 10.25, 10.5]
    assert [schedule.count(now) for now in (9.9, 10.0, 10.24, 10.25, 11.0, 99.0)] == [0, 1, 1, 2, 5, 6]


def test_answers_are_cut_at_their_length() -> None:
    assert answer_of(GOOD + b"HTTP") == (200, len(GOOD))
    assert answer_of(BUSY) == (503, len(BUSY))
    assert answer_of(GOOD[:-1]) is None
    assert answer_of(GOOD[:20]) is None
    with pytest.raises(ValueError, match="without a content-length"):
        answer_of(b"HTTP/1.1 200 OK\r\n\r\n")


def test_every_request_that_is_due_is_accounted_for() -> None:
    found = outcome(lambda number: BUSY if number % 4 == 0 else GOOD, rate=400, seconds=0.1)
    assert (found.due, found.ok, found.refused, found.failed, found.unanswered) == (40, 30, 10, 0, 0)


def test_a_stall_is_charged_to_all_requests_that_were_due_meanwhile() -> None:
    def stall(number: int) -> bytes:
        if number == 0:
            time.sleep(0.4)
        return GOOD

    found = outcome(stall, rate=100, seconds=0.2)
    assert found.ok == 20 and found.waited >= 19
    # The last was due 0.19 s after the first and waited 0.21 s; once sent, it took next to nothing.
    assert found.p50_ms >= 300
    assert found.max_ms >= 400


def test_a_closed_connection_loses_its_request_only() -> None:
    found = outcome(lambda number: b"" if number == 3 else GOOD, rate=200, seconds=0.1)
    assert (found.due, found.ok, found.failed) == (20, 19, 1)
