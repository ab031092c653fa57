"""`warm_client.py SOCKET ARGUMENTS...`: be `python ARGUMENTS...`, run by the server at that socket."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys


def main() -> None:
    given = {"arguments": sys.argv[2:], "environment": dict(os.environ), "folder": os.getcwd()}
    body = json.dumps(given).encode()
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(sys.argv[1])
        socket.send_fds(connection, [f"{len(body):08d}".encode()], [0, 1, 2])
        connection.sendall(body)
        code = int(connection.recv(16) or b"1")
    if code < 0:
        signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code)


main()
