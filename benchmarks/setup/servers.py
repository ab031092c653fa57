"""Starts one contestant, waits for its first correct answer, and leaves no process behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from benchmarks.setup.place import ROOT, BenchmarkError, Place
from control.stack import processes
from control.stack.files.state import read_state
from training.onnx.triton import free_ports

__all__ = ["Launch", "Running", "Start", "Subject", "clean_environment", "running"]

START_SECONDS = 120.0
STACK_STOP_SECONDS = 90.0
"""More than the parts of a stack may take to end."""
STOP_SECONDS = 5.0
"""A contestant has nothing to save; some wait much longer for connections that stay open."""
FOREIGN = ("SLIPWAY_", "RAY_", "MLFLOW_", "BENCH_", "OMP_")


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What a contestant is to serve, and with what."""

    python: Path
    """Of the contestant's environment."""
    model: Path
    name: str
    """The model's name."""
    threads: int
    """Of one inference."""


@dataclass(frozen=True, kw_only=True)
class Launch(Subject):
    """What a contestant's command line is made of."""

    http: int
    grpc: int
    spare: tuple[int, ...]
    """Free ports for whatever else a contestant opens."""
    folder: Path
    """Scratch, with a short path; removed afterwards."""
    place: Place


@dataclass(frozen=True)
class Start:
    """How a contestant is started.

    Slipway's command starts a stack and ends (`is_stack`); the others run until they are ended.
    """

    command: Callable[[Launch], list[str]]
    variables: Callable[[Launch], Mapping[str, str]] = field(default=lambda launch: {})
    prepare: Callable[[Launch], None] = field(default=lambda launch: None)
    is_stack: bool = False


@dataclass(frozen=True)
class Running:
    """A contestant that answers."""

    launch: Launch
    mark: str
    """In the environment of all its processes."""
    seconds: float
    """From its start to its first correct answer."""

    def processes(self) -> list[psutil.Process]:
        """All of them, with their descendants."""
        return processes.marked(self.mark)


def clean_environment() -> dict[str, str]:
    """This environment without the settings of other programs here, with this source tree first."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
    # A peer's own interpreter must not be told of this one's packages.
    return kept | {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}


@contextmanager
def running(
    start: Start, subject: Subject, place: Place, log: Path, answers: Callable[[Launch], bool]
) -> Iterator[Running]:
    """The contestant for as long as the block lasts; `answers` says whether it gives the right answer already.

    Raises `BenchmarkError` with the end of its log when it does not come up.
    """
    with tempfile.TemporaryDirectory(prefix="swb-", dir="/tmp") as scratch:
        http, grpc, *spare = free_ports(8)
        folder = Path(scratch)
        launch = Launch(**vars(subject), http=http, grpc=grpc, spare=tuple(spare), folder=folder, place=place)
        start.prepare(launch)
        mark = uuid.uuid4().hex
        variables = clean_environment() | _mark(start, mark) | dict(start.variables(launch))
        command = start.command(launch)
        began = time.monotonic()
        process = _spawn(command, folder, variables, log)
        try:
            _await(process, lambda: answers(launch), start.is_stack, log)
            seconds = time.monotonic() - began
            if start.is_stack:
                mark = _stack_id(process, folder)
            yield Running(launch, mark, seconds)
        finally:
            with _uninterrupted():
                _stop(process, start, mark, variables, folder)


def _spawn(command: list[str], folder: Path, variables: Mapping[str, str], log: Path) -> subprocess.Popen[bytes]:
    with log.open("wb") as stream:
        return subprocess.Popen(
            command,
            cwd=folder,
            env=dict(variables),
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def _mark(start: Start, mark: str) -> dict[str, str]:
    """A stack marks its processes itself."""
    return {} if start.is_stack else {processes.MARK: mark}


def _await(process: subprocess.Popen[bytes], answers: Callable[[], bool], may_end: bool, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not answers():
        code = process.poll()
        if code is not None and not (may_end and code == 0):
            raise BenchmarkError(f"ended with {code}; {log} ends:\n{_tail(log)}")
        if time.monotonic() > deadline:
            raise BenchmarkError(f"no correct answer after {START_SECONDS:.0f} s; {log} ends:\n{_tail(log)}")
        time.sleep(0.02)


def _stack_id(process: subprocess.Popen[bytes], home: Path) -> str:
    process.wait(START_SECONDS)
    state = read_state(home)
    if state is None:
        raise BenchmarkError(f"there is no stack in {home}")
    return state.stack_id


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Ignore Ctrl-C for the block: somebody who presses it twice must not stop the stopping."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _stop(
    process: subprocess.Popen[bytes], start: Start, mark: str, variables: Mapping[str, str], home: Path
) -> None:
    """Ask first; what is left after that is found by its mark."""
    if start.is_stack:
        # While `slipway up` is starting the stack, `slipway down` cannot. Interrupted, it stops what it started.
        _end(process, signal.SIGINT, STACK_STOP_SECONDS)
        state = read_state(home)
        down = [sys.executable, "-m", "control", "down"]
        subprocess.run(
            down,
            env=dict(variables),
            cwd=ROOT,
            capture_output=True,
            timeout=120,
            check=False,
            start_new_session=True,
        )
        mark = mark if state is None else state.stack_id
    _end(process, signal.SIGTERM, STOP_SECONDS)
    processes.end_all(mark)


def _end(process: subprocess.Popen[bytes], request: signal.Signals, seconds: float) -> None:
    """Send the signal; kill what is still there after so many seconds."""
    if process.poll() is None:
        process.send_signal(request)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _tail(log: Path, lines: int = 15) -> str:
    return "\n".join(line[:300] for line in log.read_text(errors="replace").splitlines()[-lines:])
