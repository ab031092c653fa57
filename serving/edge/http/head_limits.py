"""What is checked of the head of an HTTP/1.1 request, and of what a chunked body costs beyond its bytes."""

from __future__ import annotations

import re
from collections.abc import Sequence

from serving.kernel.errors import HeadTooLarge, Malformed, TargetTooLong

__all__ = [
    "MOST_BYTES",
    "MOST_FIELDS",
    "Arriving",
    "Framing",
    "check_host",
    "check_hosts",
    "check_size",
    "without_upgrade",
]

Fields = Sequence[tuple[bytes, bytes]]

MOST_BYTES = 64 * 1024
"""Of the target and all fields together."""
MOST_FIELDS = 100
BYTES_PER_FIELD = 4
"""The colon, the space and the end of the line."""
UPGRADE_FIELDS = (b"upgrade", b"http2-settings")
WIRE_BYTES_PER_BODY_BYTE = 8
"""What chunks may take: those of one byte take six."""

HOST = re.compile(
    rb"[ \t]*(?:\[[0-9A-Za-z:.%~_-]+\]|(?:[A-Za-z0-9._~!$&'()*+,;=-]|%[0-9A-Fa-f]{2})*)(?::[0-9]*)?[ \t]*"
)
"""RFC 9110, 7.2: a name or an address, perhaps with a port; IPv6 in brackets. It may be empty."""


def check_size(target: bytes, fields: Fields, wire: int = 0) -> None:
    """Check what has arrived of a head; its parsed parts and the rest took at least `wire` bytes.

    Raises `TargetTooLong` or `HeadTooLarge`.
    """
    if len(target) > MOST_BYTES:
        raise TargetTooLong(f"the target of the request has more than {MOST_BYTES} bytes")
    if len(fields) > MOST_FIELDS:
        raise HeadTooLarge(f"the head of the request has more than {MOST_FIELDS} fields")
    size = len(target) + sum(len(name) + len(value) + BYTES_PER_FIELD for name, value in fields)
    if max(size, wire) > MOST_BYTES:
        raise HeadTooLarge(f"the head of the request has more than {MOST_BYTES} bytes")


def check_hosts(fields: Fields, version: str) -> None:
    """Raise `Malformed` unless there is one field `host` that can be one; HTTP/1.0 needs none."""
    hosts = [value for name, value in fields if name == b"host"]
    if len(hosts) > 1 or (not hosts and version == "1.1"):
        raise Malformed(f"a request has one header `host`; this one has {len(hosts)}")
    if hosts:
        check_host(hosts[0])


def check_host(value: bytes) -> None:
    """Raise `Malformed` unless a value of the field `host` can be one."""
    if HOST.fullmatch(value) is None:
        raise Malformed(
            "the header `host` must be a name or an address, perhaps with a port, such as models.example:8000"
        )


def without_upgrade(method: bytes, target: bytes, version: str, fields: Fields) -> bytes:
    """The head of a request without its offer of another protocol."""
    head = [b"%b %b HTTP/%b\r\n" % (method, target, version.encode())]
    for name, given in fields:
        value = given
        if name == b"connection":
            tokens = [token.strip() for token in given.split(b",")]
            value = b", ".join(token for token in tokens if token.lower() not in UPGRADE_FIELDS)
        if name not in UPGRADE_FIELDS:
            head.append(b"%b: %b\r\n" % (name, value))
    return b"".join([*head, b"\r\n"])


class Framing:
    """Bounds the chunk sizes, chunk extensions and trailers of a body, which no limit of a body counts."""

    __slots__ = ("_left",)

    def __init__(self) -> None:
        self._left = MOST_BYTES

    def add_body(self, size: int) -> None:
        """Bytes of the body itself."""
        self._left += WIRE_BYTES_PER_BODY_BYTE * size

    def add_wire(self, size: int) -> None:
        """Bytes as they arrived. Raises `Malformed` if nearly all of them are something else than the body."""
        self._left -= size
        if self._left < 0:
            raise Malformed("the chunks or the trailer of the body have too many bytes besides the body itself")


class Arriving:
    """A message that the ASGI application answers, while it arrives."""

    __slots__ = ("complete", "framing")

    def __init__(self) -> None:
        self.complete = False
        self.framing = Framing()
