"""HTTP/2 by hand, for what no gRPC client would send."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from tests.serving.load import METHOD, TENSORS

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RESET, SETTINGS = 0, 1, 3, 4
END_STREAM, END_HEADERS, ACK = 1, 4, 1
CANCEL = 8


def frame(kind: int, flags: int, stream: int, body: bytes = b"") -> bytes:
    return struct.pack("!I", len(body))[1:] + struct.pack("!BBI", kind, flags, stream) + body


def _text(value: bytes) -> bytes:
    assert len(value) < 127
    return bytes([len(value)]) + value


BLOCK = b"".join(
    (
        b"\x83\x86",  # :method POST, :scheme http, both of the static table
        b"\x04" + _text(METHOD.encode()),  # :path
        b"\x01" + _text(b"localhost"),  # :authority
        b"\x0f\x10" + _text(b"application/grpc"),  # content-type
        b"\x00" + _text(b"te") + _text(b"trailers"),
    )
)
"""The head of a call, each field as a literal that is not indexed."""
MESSAGE = struct.pack("!BI", 0, len(TENSORS)) + TENSORS


def call(stream: int, reset: bool = False) -> bytes:
    """A whole call, which its client takes back at once if `reset`."""
    made = frame(HEADERS, END_HEADERS, stream, BLOCK) + frame(DATA, END_STREAM, stream, MESSAGE)
    return made + (frame(RESET, 0, stream, struct.pack("!I", CANCEL)) if reset else b"")


@contextmanager
def connection(port: int, acknowledged: bool = True) -> Iterator[socket.socket]:
    """A connection after the exchange of settings; what the server sends is read and thrown away."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as made:
        made.sendall(PREFACE + frame(SETTINGS, 0, 0) + (frame(SETTINGS, ACK, 0) if acknowledged else b""))
        reader = threading.Thread(target=_drain, args=(made,), daemon=True)
        reader.start()
        try:
            yield made
        finally:
            with suppress(OSError):  # the server may have closed it
                made.shutdown(socket.SHUT_RDWR)
            reader.join()


def _drain(made: socket.socket) -> None:
    with suppress(OSError):
        while made.recv(2**16):
            pass
