"""A process without network and with limits, in processes of their own."""

from __future__ import annotations

import subprocess
import sys

CODE = """
import resource, socket, sys
from training.added.sources.isolation import limit, without_network
isolated = without_network()
limit(1 << 30, 7)
try:
    socket.create_connection(("127.0.0.1", int(sys.argv[1])), 2)
    reached = True
except OSError:
    reached = False
kinds = (resource.RLIMIT_DATA, resource.RLIMIT_CPU, resource.RLIMIT_CORE)
limits = [resource.getrlimit(kind)[0] for kind in kinds]
print(isolated, reached, limits)
"""


def test_the_network_is_gone_where_the_kernel_allows_it_and_limits_hold() -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server:
        command = [sys.executable, "-c", CODE, str(server.getsockname()[1])]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    isolated, reached, limits = done.stdout.split(" ", 2)
    assert reached == ("False" if isolated == "True" else "True"), done.stderr
    assert limits.strip() == str([1 << 30, 7, 0])
