"""Run by Ray's raylet instead of Ray's dashboard agent, where nobody reads what that agent would measure.

The raylet waits for the ports of its agent, and ends when the agent ends. Ray's own agent spends a second on
imports, takes 90 MB, and listens on other addresses than loopback. This one reports that it has no ports, as Ray's
does where the packages of the dashboard are missing, and lives as long as the raylet.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

__all__ = ["COMMAND", "chosen", "main"]

COMMAND = "_build_python_executable_command_memory_profileable"
"""In `ray._private.services`: makes the command line of a component of Ray, which has no option for its agent."""
PORTS = ("metrics_agent_port", "metrics_export_port", "dashboard_agent_listen_port")
NONE = "-1"
LOOK_SECONDS = 1.0


def main(arguments: Sequence[str]) -> None:
    """Write the files in which the raylet finds the ports of its agent, and return when the raylet has ended.

    The arguments are those of Ray's agent.
    """
    options = dict(argument.split("=", 1) for argument in arguments if "=" in argument)
    session, node = Path(options["--session-dir"]), options["--node-id"]
    for name in PORTS:
        partial = session / f"{name}_{node}.partial"
        partial.write_text(NONE)
        partial.rename(session / f"{name}_{node}")
    raylet = int(os.environ["RAY_RAYLET_PID"])
    while os.getppid() == raylet:
        time.sleep(LOOK_SECONDS)


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
