"""Raw sockets, for what no well-behaved client would send."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tests.serving.edge.toy import EXAMPLE


def instances(market: str = "Kolar") -> bytes:
    record = {"horizon": EXAMPLE.horizon, "history": [{"price": 100.0}], "market": market}
    return json.dumps({"instances": [record]}).encode()


def post(body: bytes, path: str = "/v1/models/toy:predict", version: str = "1.1", **headers: Any) -> bytes:
    """A POST as bytes; `headers` with underscores for hyphens, None takes one away."""
    fields = {"host": "x", "content-type": "application/json", "content-length": len(body)}
    fields |= {name.replace("_", "-"): value for name, value in headers.items()}
    lines = [f"{name}: {value}\r\n" for name, value in fields.items() if value is not None]
    return f"POST {path} HTTP/{version}\r\n{''.join(lines)}\r\n".encode() + body


@contextmanager
def connected(address: str) -> Iterator[socket.socket]:
    host, _, port = address.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=120) as made:
        yield made


def read_answer(connection: socket.socket, buffer: bytearray | None = None) -> tuple[int, dict[str, str], bytes]:
    """One answer; what is read beyond it stays in `buffer`."""
    data = buffer if buffer is not None else bytearray()
    while b"\r\n\r\n" not in data:
        _more(connection, data)
    head, _, rest = bytes(data).partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines[1:])}
    length = int(headers.get("content-length", 0))
    while len(data) < len(head) + 4 + length:
        _more(connection, data)
    body = bytes(data[len(head) + 4 : len(head) + 4 + length])
    del data[: len(head) + 4 + length]
    return int(lines[0].split()[1]), headers, body


def _more(connection: socket.socket, data: bytearray) -> None:
    part = connection.recv(65536)
    if not part:
        raise ConnectionError(f"closed after {bytes(data)!r}")
    data += part


def ask(address: str, raw: bytes) -> tuple[int, dict[str, str], bytes]:
    """Send bytes on a fresh connection and read one answer."""
    with connected(address) as connection:
        connection.sendall(raw)
        return read_answer(connection)


def eventually(check: Callable[[], bool], seconds: float = 60.0) -> None:
    """Wait until `check` holds."""
    deadline = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < deadline, "did not come true"
        time.sleep(0.01)
