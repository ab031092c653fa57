"""Ten minutes at one and a half times what the server can do: does it hold, and is every answer its own caller's?

Requests leave by the clock, each with its own input and a deadline; the answer must be the output that ONNX
Runtime alone gives for that input. What is shown is how many were answered, refused (503) and late (504), the
latency of the answered, and the server's memory. The sentence embedder is the model: milliseconds per row, so that
the model is what is short and not the client on the same cores. What the server can do is measured before and
after: machines drift in speed over ten minutes, and the plateau that counts is the mean of both.
"""

from __future__ import annotations

import asyncio
import sys
import time
import urllib.request
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import msgspec
import numpy as np
import numpy.typing as npt
import onnxruntime as ort
import uvloop

from benchmarks.contest.contestants import CONTESTANTS
from benchmarks.load.wire import WIRES, Answer, Request, post
from benchmarks.setup import models, publish
from benchmarks.setup.place import BenchmarkError, Place
from benchmarks.setup.servers import Running, Subject, running
from benchmarks.setup.usage import memory
from control.console import note, print_table
from serving.kernel.tensors import Arrays

__all__ = ["Verdict", "main"]

MODEL = "minilm"
INPUTS = 256
DEADLINE_MS = 2_000
CALIBRATION_SECONDS = 20.0
CALLERS = 64
SETTLING_SECONDS = 60.0
TOLERANCE = 2e-3
MOST_BROKEN = 1000
TICK_SECONDS = 0.01
"""What is due leaves so often: a timer for each request would take cores that the server needs."""
CHECKED_AT_ONCE = 256


class Verdict(msgspec.Struct, frozen=True):
    """One requirement and what was seen."""

    what: str
    seen: str
    wanted: str
    reached: bool


@dataclass
class Second:
    """What happened in one second of the overload."""

    statuses: Counter[int] = field(default_factory=Counter)
    latencies: list[float] = field(default_factory=list)
    megabytes: float = 0.0


class Caller(asyncio.Protocol):
    """One connection with at most one request on its way."""

    def __init__(self) -> None:
        self._received = bytearray()
        self._answer: asyncio.Future[Answer] | None = None
        self._transport: asyncio.Transport | None = None

    @classmethod
    async def dial(cls, port: int) -> Caller:
        """A new connection."""
        _, made = await asyncio.get_running_loop().create_connection(cls, "127.0.0.1", port)
        return made

    async def ask(self, message: bytes) -> Answer:
        """Send one request and wait for its answer. Raises `ConnectionError`."""
        if self._transport is None or self._transport.is_closing():
            raise ConnectionError("the server closed the connection")
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(message)
        return await self._answer

    def close(self) -> None:
        """Hang up."""
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.Protocol`."""
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """See `asyncio.Protocol`."""
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(ConnectionError("the server closed the connection"))

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        self._received += data
        head, found, rest = bytes(self._received).partition(b"\r\n\r\n")
        if not found:
            return
        lines = head.decode().lower().split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines[1:])
        if len(rest) >= int(headers["content-length"]) and self._answer is not None:
            self._received.clear()
            if not self._answer.done():
                self._answer.set_result(Answer(int(lines[0].split()[1]), headers, rest))


class Soak:
    """The requests, their right answers, and what came of them."""

    def __init__(self, port: int, inputs: Arrays, wanted: npt.NDArray[Any]) -> None:
        self._port = port
        self._wire = WIRES["binary"]
        self._wanted = wanted
        rows = [{name: array[i : i + 1] for name, array in inputs.items()} for i in range(len(wanted))]
        self._messages = [_message(self._wire.write(MODEL, row)) for row in rows]
        self._idle: deque[Caller] = deque()
        self._unchecked: list[tuple[int, npt.NDArray[Any]]] = []
        self.wrong = 0
        self.broken = 0
        self.answered = 0

    async def plateau(self) -> float:
        """Answers per second when `CALLERS` callers each ask again at once."""
        end = time.monotonic() + CALIBRATION_SECONDS
        settled, counted = end - CALIBRATION_SECONDS * 0.75, 0

        async def work(first: int) -> int:
            count, index = 0, first
            while time.monotonic() < end:
                status = await self.one(index)
                count += status == 200 and time.monotonic() > settled
                index += 1
            return count

        counted = sum(await asyncio.gather(*(work(7 * first) for first in range(CALLERS))))
        return counted / (CALIBRATION_SECONDS * 0.75)

    async def overload(self, rate: float, seconds: float, server: Running) -> list[Second]:
        """Requests at `rate` for so long."""
        seen = [Second() for _ in range(int(seconds))]
        start = time.monotonic()
        tasks: set[asyncio.Task[None]] = set()
        measured = asyncio.create_task(self._measure(seen, start, server))
        sent, total = 0, int(rate * seconds)
        while sent < total:
            while sent < min(total, (time.monotonic() - start) * rate):
                due = start + sent / rate
                task = asyncio.create_task(self._timed(sent, due, seen[min(int(due - start), len(seen) - 1)]))
                tasks.add(task)
                task.add_done_callback(tasks.discard)
                sent += 1
            await asyncio.sleep(TICK_SECONDS)
        if tasks:
            await asyncio.wait(tasks)
        await measured
        return seen

    async def recovery(self, usual: float) -> float:
        """Seconds until a request is answered as fast as one usually is."""
        start = time.monotonic()
        while True:
            began = time.monotonic()
            status = await self.one(0)
            if status == 200 and time.monotonic() - began < 3 * usual:
                return time.monotonic() - start
            await asyncio.sleep(0.02)

    async def one(self, index: int) -> int:
        """Ask number `index` and check the answer; its status, 0 when the connection broke."""
        place = index % len(self._messages)
        caller = self._idle.popleft() if self._idle else await Caller.dial(self._port)
        try:
            answer = await caller.ask(self._messages[place])
        except ConnectionError as cause:
            self.broken += 1
            if self.broken > MOST_BROKEN:
                raise BenchmarkError(f"{self.broken} connections broke; see the gateway's log") from cause
            return 0
        if answer.headers.get("connection") == "close":
            caller.close()
        else:
            self._idle.append(caller)
        if answer.status == 200:
            self.answered += 1
            output = self._wire.read(answer)[0]
            if output.shape == self._wanted[place].shape:
                self._unchecked.append((place, output))
            else:
                self.wrong += 1
            if len(self._unchecked) >= CHECKED_AT_ONCE:
                self.check()
        return answer.status

    def check(self) -> None:
        """Count the answers that are not what they should be, of those that came since the last time."""
        if self._unchecked:
            places, outputs = zip(*self._unchecked, strict=True)
            right = np.isclose(np.stack(outputs), self._wanted[list(places)], atol=TOLERANCE)
            self.wrong += len(right) - int(right.reshape(len(right), -1).all(axis=1).sum())
            self._unchecked.clear()

    def close(self) -> None:
        """Check what is left and hang up."""
        self.check()
        for caller in self._idle:
            caller.close()

    async def _timed(self, index: int, due: float, second: Second) -> None:
        status = await self.one(index)
        second.statuses[status] += 1
        if status == 200:
            second.latencies.append(time.monotonic() - due)

    async def _measure(self, seen: list[Second], start: float, server: Running) -> None:
        for index, second in enumerate(seen):
            await asyncio.sleep(max(0.0, start + index - time.monotonic()))
            if index % 10 == 0:
                second.megabytes = memory(server.processes()).rss


def _message(request: Request) -> bytes:
    lines = [f"POST {request.path} HTTP/1.1", "host: 127.0.0.1", f"content-length: {len(request.body)}"]
    lines += [f"x-request-timeout-ms: {DEADLINE_MS}", *(f"{k}: {v}" for k, v in request.headers.items())]
    return "\r\n".join([*lines, "", ""]).encode() + request.body


def verdicts(plateau: float, seen: Sequence[Second], recovery: float, soak: Soak) -> list[Verdict]:
    """Each requirement with what was seen."""
    settled = seen[min(int(SETTLING_SECONDS), len(seen) // 4) :]
    rate = sum(second.statuses[200] for second in settled) / len(settled)
    latencies = np.concatenate([second.latencies for second in settled])
    p99 = float(np.percentile(latencies, 99)) if len(latencies) else float("nan")
    sizes = [second.megabytes for second in settled if second.megabytes]
    early, late = np.median(sizes[:5]), np.median(sizes[-5:])
    growth = float(late / early - 1)
    return [
        Verdict(
            "answers per second", f"{rate:.0f}", f"within 10 % of {plateau:.0f}", abs(rate / plateau - 1) <= 0.1
        ),
        Verdict(
            "p99 of the answered",
            f"{p99 * 1e3:.0f} ms",
            f"at most {DEADLINE_MS} ms",
            p99 * 1e3 <= DEADLINE_MS * 1.02,
        ),
        Verdict("memory", f"{early:.0f} to {late:.0f} MB, {growth:+.1%}", "under 2 % more", growth < 0.02),
        Verdict("wrong answers", f"{soak.wrong} of {soak.answered}", "0", soak.wrong == 0),
        Verdict("broken connections", str(soak.broken), "0", soak.broken == 0),
        Verdict("recovery", f"{recovery:.2f} s", "under 2 s", recovery < 2),
    ]


async def soak_test(
    server: Running, inputs: Arrays, wanted: npt.NDArray[Any], minutes: float, load: float
) -> list[Verdict]:
    """Calibrate, overload, recover."""
    soak = Soak(server.launch.http, inputs, wanted)
    usual = [await _time(soak) for _ in range(20)]
    plateau = await soak.plateau()
    note(f"plateau {plateau:.0f} answers/s; now {load:.0%} of it for {minutes:g} minutes")
    before = await asyncio.to_thread(_rows_run, server.launch.http)
    seen = await soak.overload(load * plateau, minutes * 60, server)
    ran = await asyncio.to_thread(_rows_run, server.launch.http) - before
    recovery = await soak.recovery(float(np.median(usual)))
    after = await soak.plateau()
    soak.close()
    totals = sum((second.statuses for second in seen), Counter[int]())
    note(f"plateau {after:.0f} answers/s afterwards; answers/s by minute: {_by_minute(seen)}")
    note("statuses: " + ", ".join(f"{status}: {count}" for status, count in sorted(totals.items())))
    note(f"the model ran {ran:.0f} rows; {max(0, ran - totals[200]):.0f} of them were answered too late")
    return verdicts((plateau + after) / 2, seen, recovery, soak)


def _by_minute(seen: Sequence[Second]) -> str:
    minutes = [seen[start : start + 60] for start in range(0, len(seen), 60)]
    return ", ".join(f"{sum(second.statuses[200] for second in part) / len(part):.0f}" for part in minutes)


def _rows_run(port: int) -> float:
    """Rows that went through the model so far, by the server's own metrics."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:  # noqa: S310 - loopback
        lines = answer.read().decode().splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith("slipway_batch_rows_sum"))


async def _time(soak: Soak) -> float:
    began = time.monotonic()
    await soak.one(0)
    return time.monotonic() - began


def main(minutes: float = 10.0, load: float = 1.5) -> None:
    """Run it and print what was seen. Raises `BenchmarkError` when something is not as wanted."""
    place = Place.default()
    path = models.make(MODEL, place, note)
    publish.for_slipway(MODEL, path, place)
    inputs = models.sample(MODEL, INPUTS)
    wanted = ort.InferenceSession(path, providers=["CPUExecutionProvider"]).run(None, dict(inputs))[0]

    def answers(launch: Any) -> bool:
        try:
            return (
                post(launch.http, WIRES["binary"].write(MODEL, {n: a[:1] for n, a in inputs.items()})).status
                == 200
            )
        except OSError:
            return False

    contestant = CONTESTANTS["slipway"]
    subject = Subject(python=Path(sys.executable), model=path, name=MODEL, threads=1)
    with running(contestant.start, subject, place, place.log("soak"), answers) as server:
        found = uvloop.run(soak_test(server, inputs, wanted, minutes, load))
    rows = [(v.what, v.seen, v.wanted, "reached" if v.reached else "missed") for v in found]
    print_table(("", "seen", "wanted", ""), rows, f"soak: {load:.0%} of capacity for {minutes:g} minutes")
    if not all(v.reached for v in found):
        raise BenchmarkError("something is not as wanted")
