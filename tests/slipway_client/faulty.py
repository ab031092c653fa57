"""A server that does what it is told: whole answers, halves of them, lies, silence."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import BinaryIO, Self

__all__ = ["Asked", "Faulty", "Script", "answer", "close_after", "drip", "hold"]

Script = Callable[[socket.socket], bool]
"""Writes to a connection; whether the connection stays open."""


@dataclass
class Asked:
    """A request as it came."""

    connection: int
    line: str
    headers: dict[str, str]
    body: bytes


def answer(status: int = 200, body: bytes = b"{}", length: int | None = None, **headers: str) -> bytes:
    """The bytes of an answer; `length` is what it claims."""
    fields = {"content-type": "application/json", "content-length": str(len(body) if length is None else length)}
    fields |= {name.replace("_", "-"): value for name, value in headers.items()}
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"HTTP/1.1 {status} Text\r\n{lines}\r\n".encode() + body


def close_after(data: bytes) -> Script:
    """Send these bytes and close."""

    def script(connection: socket.socket) -> bool:
        connection.sendall(data)
        return False

    return script


def hold(data: bytes = b"") -> Script:
    """Send these bytes and then nothing, until the client leaves."""

    def script(connection: socket.socket) -> bool:
        connection.sendall(data)
        while connection.recv(1024):
            pass
        return False

    return script


def drip(data: bytes) -> Script:
    """Send a byte every few milliseconds, until the client leaves."""

    def script(connection: socket.socket) -> bool:
        for at in range(len(data)):
            connection.sendall(data[at : at + 1])
            time.sleep(0.02)
        return True

    return script


@dataclass
class Faulty:
    """Answers each request with the next of `scripts`, the last one again and again."""

    scripts: list[bytes | Script]
    tls: ssl.SSLContext | None = None
    asked: list[Asked] = field(default_factory=list)
    connections: int = 0
    url: str = ""

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0))
        host, port = self._listener.getsockname()
        self.url = f"{'http' if self.tls is None else 'https'}://{host}:{port}"
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()
        return self

    def __exit__(self, *words: object) -> None:
        # `accept` of Linux ends when the socket is shut down, not when it is closed.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._threads[0].join()
        for connection in self._open:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # closed already
        for thread in self._threads[1:]:
            thread.join()

    def _accept(self) -> None:
        while True:
            try:
                connection = self._listener.accept()[0]
            except OSError:
                return
            self.connections += 1
            self._open.append(connection)
            thread = threading.Thread(target=self._serve, args=(connection, self.connections))
            self._threads.append(thread)
            thread.start()

    def _serve(self, plain: socket.socket, number: int) -> None:
        try:
            connection = plain if self.tls is None else self.tls.wrap_socket(plain, server_side=True)
        except OSError:
            plain.close()
            return
        with plain, connection, connection.makefile("rb") as stream:
            try:
                while asked := _read(stream, number):
                    self.asked.append(asked)
                    script = self.scripts.pop(0) if len(self.scripts) > 1 else self.scripts[0]
                    if isinstance(script, bytes):
                        connection.sendall(script)
                    elif not script(connection):
                        return
            except OSError:
                pass  # the client has left


def _read(stream: BinaryIO, number: int) -> Asked | None:
    line = stream.readline().decode().rstrip()
    if not line:
        return None
    headers: dict[str, str] = {}
    while text := stream.readline().decode().rstrip():
        name, _, value = text.partition(": ")
        headers[name.lower()] = value
    body = stream.read(int(headers.get("content-length", 0)))
    return Asked(number, line, headers, body)
