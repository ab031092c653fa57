"""What a client was made with."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from numbers import Integral, Real
from typing import Any
from urllib.parse import urlsplit

__all__ = ["MAX_ANSWER_BYTES", "MAX_BODY_BYTES", "MAX_CONNECTIONS", "MAX_ROWS", "Options", "check_timeout"]

MAX_ROWS = 4096
"""Most rows of a request that a gateway accepts by default (SLIPWAY_MAX_ROWS)."""
MAX_BODY_BYTES = 16 * 2**20
"""Most bytes of a request that a gateway accepts by default (SLIPWAY_MAX_BODY_BYTES)."""
MAX_CONNECTIONS = 20
"""More cost more than they bring: httpcore looks at all of them for each request."""
MAX_ANSWER_BYTES = 256 * 2**20
"""So that a server cannot fill the memory of the program that asks it."""
LONGEST_TIMEOUT = 1e6
URL = re.compile(r"https?://[^/?#@\s]+(?:/[^?#\s]*)?", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Options:
    """Raises `ValueError` naming the argument and what is allowed."""

    url: str
    api_key: str | None = field(default=None, repr=False)
    timeout: float = 5.0
    retries: int = 2
    max_rows: int = MAX_ROWS
    max_body_bytes: int = MAX_BODY_BYTES
    max_answer_bytes: int = MAX_ANSWER_BYTES
    connection_age: float = 60.0
    max_connections: int = MAX_CONNECTIONS
    clock: Callable[[], float] = time.monotonic
    """Seconds; replaced in tests."""
    jitter: Callable[[], float] = random.random
    """A number from 0 to 1; replaced in tests."""

    def __post_init__(self) -> None:
        if not URL.fullmatch(self.url) or not _is_place(self.url):
            shown = "one with @" if "@" in self.url else repr(self.url)
            raise ValueError(
                f"`url` must be http://host:port or https://host, without user and query, got {shown}"
            )
        if self.api_key is not None and not re.fullmatch(r"[\x21-\x7e]+", self.api_key):
            raise ValueError("`api_key` must be printable ASCII without spaces")
        check_timeout(self.timeout)
        for name in ("retries", "max_rows", "max_body_bytes", "max_answer_bytes", "max_connections"):
            least, value = 0 if name == "retries" else 1, getattr(self, name)
            if not isinstance(value, Integral) or value < least:
                raise ValueError(f"`{name}` must be a whole number of at least {least}, got {value!r}")
        if not _is_number(self.connection_age) or not self.connection_age > 0:
            raise ValueError(f"`connection_age` must be more than 0 seconds, got {self.connection_age!r}")

    def once(self) -> Options:
        """The same without retries."""
        return replace(self, retries=0)


def _is_place(url: str) -> bool:
    """Whether the port, if there is one, is from 1 to 65535, and a host in brackets is an address."""
    try:
        return urlsplit(url).port != 0
    except ValueError:
        return False


def _is_number(value: Any) -> bool:
    return isinstance(value, Real)


def check_timeout(seconds: float) -> None:
    """Raise `ValueError` for what is no number of seconds above 0 and up to a million."""
    if not _is_number(seconds) or not 0 < seconds <= LONGEST_TIMEOUT:
        raise ValueError(f"`timeout` must be more than 0 and at most 1,000,000 seconds, got {seconds!r}")
