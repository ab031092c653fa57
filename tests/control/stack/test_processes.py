from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator

import psutil
import pytest

from control.stack import processes

STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('on', flush=True); time.sleep(60)"
)
FAMILY = "import subprocess, os; subprocess.run(['sleep', '60'], env={})"


@pytest.fixture
def mark() -> str:
    return uuid.uuid4().hex


@pytest.fixture
def spawn(mark: str) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    started: list[subprocess.Popen[bytes]] = []

    def start(*command: str) -> subprocess.Popen[bytes]:
        environ = {**os.environ, processes.MARK: mark}
        started.append(subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, start_new_session=True))
        return started[-1]

    yield start
    for process in started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def test_marked_processes_are_ended(
    mark: str, spawn: Callable[..., subprocess.Popen[bytes]], wait_until: Callable[..., None]
) -> None:
    sleeper = spawn("sleep", "60")
    wait_until(lambda: [process.pid for process in processes.marked(mark)] == [sleeper.pid])
    assert processes.end_all(mark) == 1
    assert processes.marked(mark) == []
    assert sleeper.wait() == -signal.SIGTERM


def test_one_that_ignores_the_request_is_killed(mark: str, spawn: Callable[..., subprocess.Popen[bytes]]) -> None:
    stubborn = spawn(sys.executable, "-c", STUBBORN)
    assert stubborn.stdout is not None
    stubborn.stdout.readline()
    processes.end_all(mark, grace=0.3)
    assert stubborn.wait() == -signal.SIGKILL


def test_children_without_the_mark_belong_to_it(
    mark: str, spawn: Callable[..., subprocess.Popen[bytes]], wait_until: Callable[..., None]
) -> None:
    parent = spawn(sys.executable, "-c", FAMILY)
    wait_until(lambda: len(processes.marked(mark)) == 2)
    found = processes.marked(mark)
    processes.end(found)
    assert parent.wait() != 0
    assert not any(processes.lives(process) for process in found)


def test_a_pid_of_somebody_else_is_not_alive(
    mark: str, spawn: Callable[..., subprocess.Popen[bytes]], wait_until: Callable[..., None]
) -> None:
    sleeper = spawn("sleep", "60")
    wait_until(lambda: processes.is_alive(sleeper.pid, mark))
    assert not processes.is_alive(os.getpid(), mark)
    assert not processes.is_alive(2**22 - 1, mark)
    assert not processes.is_alive(0, mark)


def test_this_process_never_ends_itself(mark: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert psutil.Process() not in processes.marked(os.environ.get(processes.MARK, ""))


def test_the_holder_of_a_port_is_named() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        said = processes.holder(server.getsockname()[1])
    assert said.startswith(f"pid {os.getpid()}: ")
    assert "python" in said


def test_memory_of_a_process_that_is_gone() -> None:
    assert processes.resident_bytes(2**22 - 1) == 0
    assert processes.resident_bytes(os.getpid()) > 2**20
