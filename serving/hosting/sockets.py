"""The ports that replicas of one node share, bound with SO_REUSEPORT, and left without losing a connection.

The kernel gives each new connection to one of the listeners of a port. What that listener has not accepted when
it is closed is reset, so before it closes its connections must stop coming. `turn_away` does that: a filter drops
the first packet of every new connection, whose sender tries again a second later and then meets another listener,
while handshakes that had begun are finished.
"""

from __future__ import annotations

import asyncio
import ctypes
import logging
import os
import socket
import struct
from collections.abc import Iterable
from pathlib import Path

from serving.kernel.settings import variable

__all__ = ["bind", "listeners", "others_listen", "turn_away"]

SO_ATTACH_FILTER = 26
LISTENING = "0A"
UNACKED = 24
"""Offset of `tcpi_unacked` in the kernel's `tcp_info`. For a listening socket it is the length of its queue."""
HANDSHAKE_SECONDS = 0.02
"""Time for a handshake that has begun."""
PATIENCE_SECONDS = 2.0
LOOK_SECONDS = 0.005
NO_NEW_CONNECTIONS = b"".join(
    struct.pack("HBBI", *instruction)
    for instruction in (
        (0x30, 0, 0, 13),  # load the byte of TCP's flags
        (0x54, 0, 0, 0x12),  # keep SYN and ACK
        (0x15, 0, 1, 0x02),  # only SYN: the first packet of a connection
        (0x06, 0, 0, 0),  # drop it
        (0x06, 0, 0, 0xFFFFFFFF),  # anything else: take all of it
    )
)
"""A classic BPF program; the kernel runs it for each packet to the socket."""

log = logging.getLogger(__name__)


def bind(host: str, port: int, name: str) -> socket.socket:
    """A bound socket that replicas may share; `name` is the setting. Raises `OSError` naming its variable."""
    made = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        made.bind((host, port))
    except OSError as cause:
        made.close()
        raise OSError(
            cause.errno, f"{variable(name)}: cannot listen on {host}:{port}: {cause.strerror}"
        ) from cause
    return made


def listeners(port: int) -> set[int]:
    """The inodes of this process's sockets that listen on `port`."""
    return _everybodys(port) & _own().keys()


def others_listen(port: int) -> bool:
    """Whether another process of this network namespace listens on `port`."""
    return bool(_everybodys(port) - _own().keys())


async def turn_away(inodes: Iterable[int]) -> None:
    """Keep new connections from these listening sockets, and return when those that had begun are accepted.

    The sockets are given by inode, because grpc does not expose its own. On a system without such filters this
    returns at once; a connection that arrives while the sockets are being closed is then reset.
    """
    descriptors = _own()
    handles = [socket.socket(fileno=os.dup(descriptors[inode])) for inode in set(inodes) & descriptors.keys()]
    try:
        if all(_filter(handle) for handle in handles):
            await asyncio.sleep(HANDSHAKE_SECONDS)
            async with asyncio.timeout(PATIENCE_SECONDS):
                while any(_waiting(handle) for handle in handles):
                    await asyncio.sleep(LOOK_SECONDS)
    except TimeoutError:
        log.warning("connections were not accepted in time")
    finally:
        for handle in handles:
            handle.close()


def _filter(handle: socket.socket) -> bool:
    program = ctypes.create_string_buffer(NO_NEW_CONNECTIONS, len(NO_NEW_CONNECTIONS))
    option = struct.pack("HL", len(NO_NEW_CONNECTIONS) // 8, ctypes.addressof(program))
    try:
        handle.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, option)
    except OSError:
        return False
    return True


def _waiting(handle: socket.socket) -> int:
    """The number of connections of a listening socket that are not accepted yet."""
    info = handle.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
    return int(struct.unpack_from("I", info, UNACKED)[0])


def _own() -> dict[int, int]:
    """Inode -> descriptor of every socket of this process."""
    found = {}
    for name in os.listdir("/proc/self/fd"):
        try:
            target = os.readlink(f"/proc/self/fd/{name}")
        except OSError:
            # The descriptor was closed meanwhile.
            continue
        if target.startswith("socket:["):
            found[int(target[8:-1])] = int(name)
    return found


def _everybodys(port: int) -> set[int]:
    """The inodes of the sockets that listen on `port`, from the kernel's tables."""
    found = set()
    for table in (Path("/proc/net/tcp"), Path("/proc/net/tcp6")):
        for row in table.read_text().splitlines()[1:] if table.exists() else ():
            columns = row.split()
            if columns[3] == LISTENING and int(columns[1].rpartition(":")[2], 16) == port:
                found.add(int(columns[9]))
    return found
