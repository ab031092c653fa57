"""How many connections one process keeps: in all, and for each peer.

When there is no room, connections that have been idle longest are closed for the new one. A peer makes room by its
own connections first, so that one client cannot take the place of others.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Protocol

__all__ = ["Connection", "Connections"]

CLOSED_AT_ONCE = 32
"""Idle connections that are closed in one search: a search visits all, and a crowd arrives in bursts."""


class Connection(Protocol):
    """What is known of one connection."""

    @property
    def idle_since(self) -> float | None:
        """When its last request ended, in seconds of the loop's clock; None while it has one."""

    def close_idle(self) -> None:
        """Close it; it has no request."""


class Connections:
    """The connections of one process by peer."""

    def __init__(self, most: int, most_of_peer: int) -> None:
        """At most `most` connections, and at most `most_of_peer` of one peer; 0: no limit."""
        self._most = most
        self._most_of_peer = most_of_peer
        self._peers: defaultdict[str, set[Connection]] = defaultdict(set)
        self._count = 0

    def add(self, peer: str, connection: Connection) -> bool:
        """Whether there is room for one more connection of that peer; if not, it is not counted."""
        own = self._peers.get(peer, set())
        if self._most_of_peer and len(own) >= self._most_of_peer and not self._make_room(own):
            return False
        if self._most and self._count >= self._most and not self._make_room(own or self._largest()):
            return False
        self._peers[peer].add(connection)
        self._count += 1
        return True

    def remove(self, peer: str, connection: Connection) -> None:
        """Forget a connection; one that was never added is ignored."""
        own = self._peers.get(peer)
        if own is None or connection not in own:
            return
        own.remove(connection)
        self._count -= 1
        if not own:
            del self._peers[peer]

    def _largest(self) -> set[Connection]:
        return max(self._peers.values(), key=len, default=set())

    def _make_room(self, among: Iterable[Connection]) -> bool:
        """Close those that have been idle longest; whether there was one."""
        idle = [(one.idle_since, one) for one in among if one.idle_since is not None]
        idle.sort(key=lambda pair: pair[0] or 0.0)
        for _, connection in idle[:CLOSED_AT_ONCE]:
            connection.close_idle()
        return bool(idle)
