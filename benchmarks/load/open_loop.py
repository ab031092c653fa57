"""Open-loop client: requests leave by the clock, whether or not earlier ones have been answered.

`python -m benchmarks.load.open_loop PORT PATH BODY --rate N --seconds S` prints one line of JSON. Request i is due
at start + i / rate and its latency counts from then. So a server that stalls is charged for every request that
should have been sent in the meantime (no coordinated omission). One thread, one epoll, a request made once: about
15 us of CPU per request. The client reports its own share of a core, and its delay when a connection was free.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import os
import select
import socket
import struct
import subprocess
import sys
import tempfile
import time
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import numpy as np

from benchmarks.load.wire import Request
from benchmarks.setup.place import ROOT, BenchmarkError

__all__ = ["Client", "Outcome", "Schedule", "answer_of", "main", "measure"]

TICK_SECONDS = 50e-6
"""Requests due within this time of each other may leave together."""
DRAIN_SECONDS = 5.0
SUCCESS = 200
REFUSALS = (429, 503)


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What happened to all requests that were due."""

    due: int
    ok: int
    refused: int
    """Answers with 429 or 503: the server protected itself."""
    failed: int
    """Other answers, and connections that broke."""
    unanswered: int
    """Without an answer when the client gave up waiting."""
    seconds: float
    """From the start to the last answer."""
    p50_ms: float
    p99_ms: float
    p999_ms: float
    max_ms: float
    """Latencies of the successful ones."""
    late_p99_ms: float
    """How long after it was due a request left, where a connection was free: the client's own fault."""
    waited: int
    """Requests that were due while every connection was taken."""
    client_cpu: float
    """Share of one core."""


@dataclass(frozen=True)
class Schedule:
    """When each request is due."""

    start: float
    rate: float
    total: int

    def due(self, index: int) -> float:
        """`time.perf_counter()` seconds."""
        return self.start + index / self.rate

    def count(self, now: float) -> int:
        """How many are due by now."""
        return min(self.total, max(0, int((now - self.start) * self.rate) + 1)) if now >= self.start else 0


@dataclass
class Connection:
    """One socket with at most one request on its way."""

    socket: socket.socket
    due: float = 0.0
    received: bytes = b""


@dataclass
class Tally:
    """What was seen so far."""

    sent: int = 0
    refused: int = 0
    failed: int = 0
    waited: int = 0
    blocked: int = 0
    """Requests before this one that were due while every connection was taken wait for the server."""
    last: float = 0.0
    latencies: array[float] = field(default_factory=lambda: array("d"))
    lateness: array[float] = field(default_factory=lambda: array("d"))

    @property
    def done(self) -> int:
        """Requests whose fate is known."""
        return len(self.latencies) + self.refused + self.failed


def answer_of(received: bytes) -> tuple[int, int] | None:
    """Status and length of the answer that `received` begins with; None while it is not whole.

    Raises `ValueError` for one without a content length.
    """
    end = received.find(b"\r\n\r\n")
    if end < 0:
        return None
    head = received[:end].lower()
    at = head.find(b"\r\ncontent-length:")
    if at < 0:
        raise ValueError(f"an answer without a content-length: {head[:200]!r}")
    stop = head.find(b"\r\n", at + 2)
    length = end + 4 + int(head[at + 17 : stop if stop > 0 else None])
    return (int(head[9:12]), length) if len(received) >= length else None


class Client:
    """Sends one request over many connections."""

    def __init__(self, port: int, message: bytes, connections: int) -> None:
        self._address = ("127.0.0.1", port)
        self._message = message
        self._epoll = select.epoll()
        self._timer = _Timer()
        self._epoll.register(self._timer.descriptor, select.EPOLLIN)
        self._open: dict[int, Connection] = {}
        self._idle = [self._connect() for _ in range(connections)]

    def run(self, rate: float, seconds: float) -> Outcome:
        """Keep to the schedule, then wait a while for what is missing."""
        schedule = Schedule(time.perf_counter() + 0.05, rate, int(rate * seconds))
        tally = Tally()
        used = time.process_time()
        limit = schedule.due(schedule.total) + DRAIN_SECONDS
        while tally.done < schedule.total:
            now = time.perf_counter()
            if now > limit:
                break
            self._send_due(schedule, tally, now)
            self._arm(schedule, tally, now)
            for descriptor, _ in self._epoll.poll(0.1):
                if descriptor == self._timer.descriptor:
                    self._timer.clear()
                else:
                    self._receive(self._open[descriptor], schedule, tally)
        used = time.process_time() - used
        return _outcome(schedule, tally, used / (time.perf_counter() - schedule.start))

    def close(self) -> None:
        """Close every connection."""
        for connection in self._open.values():
            connection.socket.close()
        self._timer.close()
        self._epoll.close()

    def _connect(self) -> Connection:
        made = socket.create_connection(self._address, timeout=10)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        made.setblocking(False)
        self._epoll.register(made.fileno(), select.EPOLLIN)
        connection = self._open[made.fileno()] = Connection(made)
        return connection

    def _send_due(self, schedule: Schedule, tally: Tally, now: float) -> None:
        """Send what is due as far as there are connections."""
        for index in range(tally.sent, schedule.count(now)):
            if not self._idle:
                return
            connection = self._idle.pop()
            connection.due = schedule.due(index)
            if index >= tally.blocked:
                tally.lateness.append(now - connection.due)
            connection.socket.send(self._message)
            tally.sent += 1

    def _arm(self, schedule: Schedule, tally: Tally, now: float) -> None:
        """Wake up for the next request; without a free connection an answer has to come first."""
        if self._idle and tally.sent < schedule.total:
            self._timer.set(max(schedule.due(tally.sent), now + TICK_SECONDS))

    def _receive(self, connection: Connection, schedule: Schedule, tally: Tally) -> None:
        try:
            received = connection.socket.recv(65536)
        except ConnectionError:
            received = b""
        now = time.perf_counter()
        if not received:
            self._replace(connection, tally)
            return
        connection.received += received
        answer = answer_of(connection.received)
        if answer is None:
            return
        status, length = answer
        connection.received = connection.received[length:]
        tally.last = now
        if status == SUCCESS:
            tally.latencies.append(now - connection.due)
        elif status in REFUSALS:
            tally.refused += 1
        else:
            tally.failed += 1
        if not self._idle:
            due = schedule.count(now)
            tally.waited += due - max(tally.sent, tally.blocked)
            tally.blocked = due
        connection.due = 0.0
        self._idle.append(connection)

    def _replace(self, connection: Connection, tally: Tally) -> None:
        """The server closed the connection; a request on it is lost."""
        tally.failed += bool(connection.due)
        self._epoll.unregister(connection.socket.fileno())
        del self._open[connection.socket.fileno()]
        connection.socket.close()
        if connection in self._idle:
            self._idle.remove(connection)
        self._idle.append(self._connect())


class _Timer:
    """A Linux timerfd: epoll's own timeout has whole milliseconds only."""

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self.descriptor = self._libc.timerfd_create(time.CLOCK_MONOTONIC, os.O_NONBLOCK)
        if self.descriptor < 0:
            raise OSError(ctypes.get_errno(), "timerfd_create")

    def set(self, when: float) -> None:
        """Ring once, at that `time.perf_counter()`, which on Linux is the monotonic clock."""
        seconds, fraction = divmod(when, 1)
        specification = struct.pack("qqqq", 0, 0, int(seconds), int(fraction * 1e9))
        if self._libc.timerfd_settime(self.descriptor, 1, specification, None):
            raise OSError(ctypes.get_errno(), "timerfd_settime")

    def clear(self) -> None:
        """Take the ring back."""
        os.read(self.descriptor, 8)

    def close(self) -> None:
        """Release it."""
        os.close(self.descriptor)


def _outcome(schedule: Schedule, tally: Tally, share: float) -> Outcome:
    times = np.array(tally.latencies) * 1e3 if tally.latencies else np.array([np.nan])
    p50, p99, p999 = np.percentile(times, (50, 99, 99.9)).tolist()
    late = np.array(tally.lateness) if tally.lateness else np.zeros(1)
    return Outcome(
        due=schedule.total,
        ok=len(tally.latencies),
        refused=tally.refused,
        failed=tally.failed,
        unanswered=schedule.total - tally.done,
        seconds=max(tally.last - schedule.start, 1e-9),
        p50_ms=p50,
        p99_ms=p99,
        p999_ms=p999,
        max_ms=float(times.max()),
        late_p99_ms=float(np.percentile(late, 99) * 1e3),
        waited=tally.waited,
        client_cpu=share,
    )


def measure(port: int, request: Request, rate: float, seconds: float) -> Outcome:
    """Run the client in a process of its own. Raises `BenchmarkError`."""
    with tempfile.NamedTemporaryFile(prefix="bench-") as body:
        body.write(request.body)
        body.flush()
        command = [sys.executable, "-m", "benchmarks.load.open_loop", str(port), request.path, body.name]
        command += [f"--header={name}: {value}" for name, value in request.headers.items()]
        command += [f"--rate={rate}", f"--seconds={seconds}"]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=seconds + 60, check=False)
    if done.returncode:
        raise BenchmarkError(f"the open-loop client failed:\n{done.stderr[-1000:]}")
    return msgspec.json.decode(done.stdout, type=Outcome)


def main(words: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.load.open_loop", description="Open-loop HTTP load."
    )
    parser.add_argument("port", type=int)
    parser.add_argument("path")
    parser.add_argument("body", type=Path, help="file of the body")
    parser.add_argument("--header", action="append", default=[], help="`name: value`; may be given again")
    parser.add_argument("--rate", type=float, required=True, help="requests per second")
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--connections", type=int, default=512)
    given = parser.parse_args(words)
    body = given.body.read_bytes()
    head = [f"POST {given.path} HTTP/1.1", "host: 127.0.0.1", f"content-length: {len(body)}", *given.header]
    # Nothing here makes cycles, and a collection would make requests late.
    gc.disable()
    client = Client(given.port, "\r\n".join([*head, "", ""]).encode() + body, given.connections)
    try:
        print(msgspec.json.encode(client.run(given.rate, given.seconds)).decode())
    finally:
        client.close()


if __name__ == "__main__":
    main()
