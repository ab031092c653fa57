"""How many connections one process keeps: in all, and for each peer.

When there is no room, connections that have been idle longest are closed for the new one. A peer makes room by its
own connections first, so that one client cannot take the place of others.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from typing import Protocol

__all__ = ["Connection", "Connections"]

CLOSED_AT_ONCE = 32
"""Idle connections that are closed in one search: a search visits all, and a crowd arrives in bursts."""


class Connection(Protocol):
    """What is known of one connection."""

    @property
    def peer(self) -> str:
        """The address of the client."""

    @property
    def idle_since(self) -> float | None:
        """When its last request ended, in seconds of the loop's clock; None while it has one."""

    def close_idle(self) -> None:
        """Close it; it has no request."""


class Connections:
    """The limits, and the number of connections by peer, which each connection counts for itself."""

    def __init__(self, most: int, most_of_peer: int) -> None:
        """At most `most` connections, and at most `most_of_peer` of one peer; 0: no limit."""
        self.most = most or sys.maxsize
        self.most_of_peer = most_of_peer or sys.maxsize
        self.peers: Counter[str] = Counter()

    def make_room(self, peer: str, others: Sequence[Connection]) -> bool:
        """Close idle ones of `others` for a new connection of `peer`; whether there was one."""
        own = [one for one in others if one.peer == peer]
        if not own and self.peers[peer] <= self.most_of_peer:
            largest = max(self.peers, key=lambda name: self.peers[name], default=peer)
            own = [one for one in others if one.peer == largest]
        idle = [(one.idle_since, index, one) for index, one in enumerate(own) if one.idle_since is not None]
        for _, _, connection in sorted(idle)[:CLOSED_AT_ONCE]:
            connection.close_idle()
        return bool(idle)
