"""Run by Ray's raylet instead of Ray's dashboard agent, where nobody reads what that agent would measure.

The raylet waits for the ports of its agent, and ends when the agent ends. Ray's own agent spends a second on
imports, takes 90 MB, and listens on other addresses than loopback. This one reports that it has no ports, as Ray's
does where the packages of the dashboard are missing, and lives as long as the raylet.

Then it ends what the raylet had started. A raylet ends with its driver, and the processes of one that is killed,
as by `kill -9` of a training, look for it for up to a minute.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

__all__ = ["COMMAND", "chosen", "main"]

COMMAND = "_build_python_executable_command_memory_profileable"
"""In `ray._private.services`: makes the command line of a component of Ray, which has no option for its agent."""
PORTS = ("metrics_agent_port", "metrics_export_port", "dashboard_agent_listen_port")
NONE = "-1"
LOOK_SECONDS = 1.0
RAYLET = "RAY_RAYLET_PID"
"""In the environment of every process that a raylet starts."""
GRACE_SECONDS = 2.0
"""Most processes notice by themselves that their raylet has ended."""
AGAIN_SECONDS = 0.2


def main(arguments: Sequence[str]) -> None:
    """Write the files in which the raylet finds the ports of its agent, and end its orphans when it has ended.

    The arguments are those of Ray's agent.
    """
    options = dict(argument.split("=", 1) for argument in arguments if "=" in argument)
    session, node = Path(options["--session-dir"]), options["--node-id"]
    for name in PORTS:
        partial = session / f"{name}_{node}.partial"
        partial.write_text(NONE)
        partial.rename(session / f"{name}_{node}")
    raylet = int(os.environ[RAYLET])
    since = _started(raylet)
    while os.getppid() == raylet:
        time.sleep(LOOK_SECONDS)
    _end_orphans(raylet, since)


def _end_orphans(raylet: int, since: int) -> None:
    """Kill the processes of a raylet that are there after a while."""
    patience = time.monotonic() + GRACE_SECONDS
    while orphans := _orphans(raylet, since):
        if time.monotonic() > patience:
            for pid in orphans:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        time.sleep(AGAIN_SECONDS)


def _orphans(raylet: int, since: int) -> list[int]:
    """The processes of this user that a raylet started, by their environment, without this one.

    A process that is older than the raylet belongs to an earlier one with the same id.
    """
    mark, found = f"{RAYLET}={raylet}".encode(), []
    for name in os.listdir("/proc") if os.path.isdir("/proc") else ():
        try:
            if name.isdigit() and int(name) != os.getpid() and mark in _environment(name):
                found += [int(name)] if _started(int(name)) >= since else []
        except OSError:  # it has ended, or is another user's
            continue
    return found


def _environment(pid: str) -> list[bytes]:
    return Path("/proc", pid, "environ").read_bytes().split(b"\0")


def _started(pid: int) -> int:
    """When a process started, in ticks since the machine did; 0 where the kernel does not say."""
    try:
        return int(Path("/proc", str(pid), "stat").read_bytes().rpartition(b")")[2].split()[19])
    except OSError:
        return 0


def chosen(command: Callable[..., list[str]]) -> Callable[..., list[str]]:
    """Stands in for `COMMAND`, and starts this module as the agent."""
    from ray._private.ray_constants import PROCESS_TYPE_DASHBOARD_AGENT

    def of(component: str, *given: Any, **options: Any) -> list[str]:
        if component != PROCESS_TYPE_DASHBOARD_AGENT:
            return command(component, *given, **options)
        # It needs the standard library alone. Without site packages, Python starts in half the time.
        return [sys.executable, "-I", "-S", __file__]

    return of


if __name__ == "__main__":
    main(sys.argv[1:])
