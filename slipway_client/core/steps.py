"""What the core asks of a client, and what it gets back.

An operation is a generator. It yields steps, gets an event for each, and returns its result. Whether a client
blocks or awaits meanwhile is its own affair.

| step | event |
|---|---|
| `Turn` | None, or a `Failure` if there was none in time |
| `Send`, always right after a `Turn` that there was | a `Reply`, or a `Failure` |
| `Wait` | None |
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import TypeVar

__all__ = ["Event", "Failure", "Outcome", "Reply", "Request", "Send", "Step", "Steps", "Turn", "Wait"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request; `path` is below the address of the server."""

    method: str
    path: str
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Turn:
    """Wait for at most `seconds` until a connection is free; it is, after the `Send` of another call."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Send:
    """Send a request and read the whole answer, within `seconds`."""

    request: Request
    seconds: float


@dataclass(frozen=True, slots=True)
class Wait:
    """Do nothing for `seconds`."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer. The names of the headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Outcome(Enum):
    """How a request without an answer ended."""

    UNSENT = "unsent"
    """There was no connection, so nothing was sent."""
    LATE = "late"
    """The time was over."""
    BROKEN = "broken"
    """The connection ended while the request was sent or the answer was read."""
    UNREADABLE = "unreadable"
    """What came is not HTTP, or not what its headers say."""
    TOO_LONG = "too long"
    """The answer has more bytes than the client takes."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A request that has no answer."""

    outcome: Outcome
    cause: Exception


Step = Turn | Send | Wait
Event = Reply | Failure | None
Steps = Generator[Step, Event, T]
