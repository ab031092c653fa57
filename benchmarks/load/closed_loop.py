"""Closed-loop clients: a fixed number of connections, each with one request at a time.

wrk for HTTP/1.1 and h2load for gRPC: both are C, use one thread, and take a few microseconds per request, so that
on two cores the server has one to itself. How busy the client was is measured, for the tables to say.
"""

from __future__ import annotations

import json
import math
import re
import resource
import shutil
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np

from benchmarks.load.wire import Request
from benchmarks.setup.place import BenchmarkError

__all__ = ["Sample", "grpc_load", "http_load", "read_h2load", "read_wrk", "require"]

SCRIPT = Path(__file__).with_name("wrk.lua")
TIMEOUT = "30s"
PACKAGES = {"wrk": "wrk", "h2load": "nghttp2-client"}
"""Program -> the Debian package that has it."""


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """What one client saw in one run. `errors`: answers other than success, and broken connections."""

    requests: int
    seconds: float
    errors: int
    p50_ms: float
    p99_ms: float
    p999_ms: float
    max_ms: float
    p95_ms: float = 0.0
    client_cpu: float = 0.0
    """Share of one core that the client used."""

    @property
    def rate(self) -> float:
        """Successful requests per second."""
        return max(0, self.requests - self.errors) / self.seconds


def require(program: str) -> str:
    """The program's path. Raises `BenchmarkError` saying how to install it."""
    found = shutil.which(program)
    if found is None:
        raise BenchmarkError(f"{program} is not installed: apt-get install {PACKAGES[program]}")
    return found


def http_load(port: int, request: Request, clients: int, seconds: float, paths: Sequence[str] = ()) -> Sample:
    """Load on an HTTP door of this machine; with `paths`, each request goes to the next of them.

    Raises `BenchmarkError` when wrk is missing or fails.
    """
    with tempfile.NamedTemporaryFile(prefix="bench-") as body:
        body.write(request.body)
        body.flush()
        command = [
            *(require("wrk"), "--threads", "1", "--connections", str(clients)),
            # It takes whole seconds only.
            *("--duration", f"{math.ceil(seconds)}s", "--timeout", TIMEOUT, "--script", str(SCRIPT)),
            *(f"http://127.0.0.1:{port}{request.path}", "--", body.name),
            *(f"{name}: {value}" for name, value in request.headers.items()),
            *paths,
        ]
        output, share = _run(command, seconds)
    return msgspec.structs.replace(read_wrk(output), client_cpu=share)


def grpc_load(port: int, request: Request, clients: int, seconds: float, answer_bytes: int) -> Sample:
    """Load on a gRPC door of this machine; `answer_bytes` is the length of a right answer's message and frame.

    h2load sees HTTP/2 only, where a gRPC error is a success without a message: the bytes tell such answers apart.
    Raises `BenchmarkError` when h2load is missing or fails.
    """
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
        body, log = Path(scratch) / "body", Path(scratch) / "log"
        body.write_bytes(request.body)
        command = [
            *(require("h2load"), "--threads=1", f"--clients={clients}", "--max-concurrent-streams=1"),
            *(f"--duration={math.ceil(seconds)}", f"--data={body}", f"--log-file={log}"),
            *(f"--header={name}: {value}" for name, value in request.headers.items()),
            f"http://127.0.0.1:{port}{request.path}",
        ]
        output, share = _run(command, seconds)
        sample = read_h2load(output, log.read_text(), math.ceil(seconds), answer_bytes)
    return msgspec.structs.replace(sample, client_cpu=share)


def read_wrk(output: str) -> Sample:
    """From the line that `wrk.lua` prints. Raises `BenchmarkError` when it is not there."""
    line = next((line for line in output.splitlines() if line.startswith("{")), None)
    if line is None:
        raise BenchmarkError(f"wrk printed no figures:\n{output[-1000:]}")
    found = json.loads(line)
    broken = sum(found[kind] for kind in ("connect", "read", "write", "timeout"))
    return Sample(
        # wrk leaves broken ones out of the requests; the errors here are part of them.
        requests=found["requests"] + broken,
        seconds=found["microseconds"] / 1e6,
        errors=found["status"] + broken,
        p50_ms=found["p50"] / 1e3,
        p95_ms=found["p95"] / 1e3,
        p99_ms=found["p99"] / 1e3,
        p999_ms=found["p999"] / 1e3,
        max_ms=found["max"] / 1e3,
    )


def read_h2load(output: str, log: str, seconds: float, answer_bytes: int) -> Sample:
    """From what it prints and from its log, a line per request: start, status, microseconds."""
    lines = [line.split("\t") for line in log.splitlines()]
    times = np.array([float(line[2]) / 1e3 for line in lines if line[1] == "200"])
    data = re.search(r"\((\d+)\) data$", output, re.MULTILINE)
    if not len(times) or data is None:
        raise BenchmarkError(f"h2load printed no figures:\n{output[-1000:]}")
    right = int(data[1]) // answer_bytes
    p50, p95, p99, p999 = np.percentile(times, (50, 95, 99, 99.9)).tolist()
    return Sample(
        requests=len(lines),
        seconds=seconds,
        errors=max(0, len(lines) - right),
        p50_ms=p50,
        p95_ms=p95,
        p99_ms=p99,
        p999_ms=p999,
        max_ms=float(times.max()),
    )


def _run(command: list[str], seconds: float) -> tuple[str, float]:
    """What the client printed and the share of a core it used."""
    before, started = _children(), time.monotonic()
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 60, check=False)
    except subprocess.TimeoutExpired as cause:
        raise BenchmarkError(f"{Path(command[0]).name} did not end") from cause
    if done.returncode:
        raise BenchmarkError(f"{Path(command[0]).name} failed:\n{(done.stdout + done.stderr)[-1000:]}")
    return done.stdout, (_children() - before) / (time.monotonic() - started)


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
