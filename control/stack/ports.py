"""The ports of the stack: free ports on request, and a clear error if a port is in use."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Collection

from control.errors import PortInUse
from control.settings import PORTS, StackSettings
from control.stack.processes import holder
from control.stack.programs import haproxy
from serving.kernel.settings import variable

__all__ = ["choose", "free", "is_free"]

HOST = "127.0.0.1"
CHOSEN = range(20_000, 32_768)
"""Above those of Ray's workers and below those that the kernel gives to connections."""


def choose(settings: StackSettings, parts: Collection[str]) -> dict[str, int]:
    """Setting -> port for every port of these parts.

    Raises `PortInUse`, which names the port, the process that uses it, and the variable to change.
    """
    names = [name for part in parts for name in PORTS.get(part, ())]
    if settings.ray_dashboard_port and "ray" in parts:
        names.append("ray_dashboard_port")
    wanted = {name: getattr(settings, name) for name in names}
    seen: dict[int, str] = {}
    for name, port in wanted.items():
        if not port:
            continue
        if port in seen:
            raise PortInUse(f"{variable(name)} and {variable(seen[port])} are both {port}; change one of them")
        seen[port] = name
        if not is_free(port):
            raise PortInUse(
                f"port {port} is in use by {holder(port)}\n"
                f"End that process, or set {variable(name)} to another port (0 picks a free one)."
            )
    taken = set(seen)
    extra = haproxy.PORTS if settings.door == "ray" and "ray" in parts else ()
    return {name: port or free(taken) for name, port in [*wanted.items(), *((name, 0) for name in extra)]}


def is_free(port: int) -> bool:
    """Whether no process listens on that port."""
    with socket.socket() as probe:
        # As servers do, ignore connections that linger after their server has ended.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def free(taken: set[int]) -> int:
    """Find a free port that is not in `taken`, and add it to `taken`."""
    while True:
        port = secrets.choice(CHOSEN)
        if port not in taken and is_free(port):
            taken.add(port)
            return port
