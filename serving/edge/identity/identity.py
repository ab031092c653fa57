"""Who sends a request, and the scopes that say what they may do.

A scope is one word, or words joined by colons from the general to the special: `predict`, `predict:price`,
`records:write:matching`. A key with one scope has all that begin with it; `admin` has every scope.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import msgspec

from serving.edge.identity.limits import Meter
from serving.kernel.errors import Forbidden, Unauthenticated

__all__ = ["ANONYMOUS", "KINDS", "OPEN", "Identity", "check_scopes"]

ADMIN = "admin"
KINDS = {
    ADMIN: "everything",
    "predict": "ask any model; `predict:price` asks that model alone",
    "records": "read and write the records of collections; `records:read`, `records:write:matching`, ...",
    "operations": "metrics, statistics and the index of the repository",
}
"""The first word of each scope, and what it allows."""
SCOPE = re.compile(r"[a-z]+(?::[A-Za-z0-9_.-]{1,100}){0,3}")
MOST = 100


class Identity(msgspec.Struct, frozen=True, gc=False):
    """Who sends a request."""

    subject: str = "anonymous"
    client: str = ""
    """For whom the request counts in the fair queue; empty: the peer's address."""
    tenant: str = ""
    scopes: frozenset[str] | None = frozenset()
    """None: the doors ask nobody who they are, so that everything is allowed."""
    known: bool = True
    meter: Meter | None = None
    """Counts its requests, where they are limited."""

    def require(self, scope: str) -> None:
        """Check that the caller has `scope`; the empty one asks for any identity.

        Raises `Unauthenticated` or `Forbidden`.
        """
        if self.scopes is None:
            return
        if not self.known:
            raise Unauthenticated("this path needs a key or token: send `authorization: Bearer ...`")
        if ADMIN in self.scopes:
            return
        general = scope
        while general and general not in self.scopes:
            general = general.rpartition(":")[0]
        if scope and not general:
            raise Forbidden(f"this path needs the scope {scope!r}, which the key or token does not have")


ANONYMOUS = Identity(known=False)
"""Somebody who has shown nothing."""
OPEN = Identity(scopes=None, known=False)
"""Anybody, where the doors do not ask."""


def check_scopes(scopes: Iterable[str]) -> frozenset[str]:
    """The scopes of a key. Raises `ValueError` with the one that does not exist and those that do."""
    found = frozenset(scopes)
    for scope in found:
        if not SCOPE.fullmatch(scope) or scope.partition(":")[0] not in KINDS:
            raise ValueError(f"no scope {scope[:100]!r}; a scope begins with one of {', '.join(KINDS)}")
    if not 0 < len(found) <= MOST:
        raise ValueError(f"1 to {MOST} scopes are needed, got {len(found)}")
    return found
