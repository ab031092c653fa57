from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from ray._private import ray_constants, services

from tests.processes import has_ended
from training.fit import idle_agent

RAYLET = """
import os, subprocess, sys
environ = {**os.environ, "RAY_RAYLET_PID": str(os.getpid())}
print(subprocess.Popen(sys.argv[1:], env=environ, stdout=subprocess.DEVNULL).pid, flush=True)
sys.stdin.read()
"""
"""Starts its agent as Ray's raylet does, and ends when its standard input is closed."""


def test_it_says_that_it_has_no_ports_and_ends_with_its_raylet(tmp_path: Path) -> None:
    command = idle_agent.chosen(services._build_python_executable_command_memory_profileable)
    agent = command(ray_constants.PROCESS_TYPE_DASHBOARD_AGENT, str(tmp_path))
    given = ("agent.py", "--node-id=n1", f"--session-dir={tmp_path}", "--listen-port=0", "--head")
    with subprocess.Popen(
        [sys.executable, "-c", RAYLET, *agent, *given], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as raylet:
        assert raylet.stdout is not None
        pid = int(raylet.stdout.readline())
        names = {f"{name}_n1" for name in idle_agent.PORTS}
        until = time.monotonic() + 60
        while {path.name for path in tmp_path.iterdir()} != names:
            assert time.monotonic() < until, "it wrote no ports"
            time.sleep(0.02)
        assert {path.read_text() for path in tmp_path.iterdir()} == {"-1"}
        assert not has_ended(pid)
        raylet.communicate()
    while not has_ended(pid):
        assert time.monotonic() < until, "it outlives its raylet"
        time.sleep(0.02)


KILLED = """
import os, subprocess, sys
environ = {**os.environ, "RAY_RAYLET_PID": str(os.getpid())}
sleep = [sys.executable, "-I", "-S", "-c", "import time; time.sleep(60)"]
own, other, agent = (
    subprocess.Popen(line, env=there, stdout=subprocess.DEVNULL, start_new_session=True)
    for line, there in ((sleep, environ), (sleep, {**environ, "RAY_RAYLET_PID": "1"}), (sys.argv[1:], environ))
)
print(own.pid, other.pid, agent.pid, flush=True)
sys.stdin.read()
"""
"""Starts a worker, a process of another raylet and its agent."""


def test_it_ends_what_a_killed_raylet_leaves_and_nothing_else(tmp_path: Path) -> None:
    agent = [sys.executable, "-I", "-S", idle_agent.__file__, "--node-id=n1", f"--session-dir={tmp_path}"]
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, *agent], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as raylet:
        assert raylet.stdout is not None
        own, other, pid = map(int, raylet.stdout.readline().split())
        try:
            until = time.monotonic() + 60
            while len(list(tmp_path.glob("*_n1"))) < len(idle_agent.PORTS):
                assert time.monotonic() < until, "it wrote no ports"
                time.sleep(0.02)
            raylet.kill()
            while not (has_ended(own) and has_ended(pid)):
                assert time.monotonic() < until, "they outlive their raylet"
                time.sleep(0.02)
            assert not has_ended(other)
        finally:
            os.kill(other, signal.SIGKILL)


def test_an_agent_whose_raylet_has_ended_does_not_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_RAYLET_PID", str(os.getpid()))
    idle_agent.main(["--node-id=n1", f"--session-dir={tmp_path}"])


def test_other_components_are_ray_s_own(tmp_path: Path) -> None:
    own = services._build_python_executable_command_memory_profileable
    for component in (ray_constants.PROCESS_TYPE_RUNTIME_ENV_AGENT, ray_constants.PROCESS_TYPE_LOG_MONITOR):
        assert idle_agent.chosen(own)(component, str(tmp_path)) == own(component, str(tmp_path))
