"""One request until it is answered: deadline, what may be sent again, and how long to wait before.

Sent again is what cannot have been worked on: a request without a connection, and one that the server refused for
lack of room (429, or 503 with `Retry-After`). A request that broke off is not: the server may be at work on it.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace

from slipway_client.core.options import Options, check_timeout
from slipway_client.core.problems import error_of, failure_error, retry_after
from slipway_client.core.steps import Event, Failure, Outcome, Reply, Request, Send, Steps, Turn, Wait
from slipway_client.errors import Invalid, SlipwayError

__all__ = ["Call", "begin", "exchange"]

REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,120}")
"""A gateway takes 128 characters, and would replace another id by one of its own; the rest is for `part`."""
FIRST_PAUSE, LONGEST_PAUSE = 0.05, 2.0
"""Seconds; the pause doubles from one attempt to the next."""


@dataclass(frozen=True)
class Call:
    """One call of a client's method, which may take several requests."""

    options: Options
    deadline: float
    """By the clock of the options."""
    request_id: str

    def left(self) -> float:
        """Seconds until the deadline; may be negative."""
        return self.deadline - self.options.clock()

    def part(self, number: int) -> Call:
        """The same call with an id of its own for one of several requests."""
        return replace(self, request_id=f"{self.request_id}.{number}")


def begin(options: Options, timeout: float | None = None, request_id: str | None = None) -> Call:
    """A call that starts now. Raises `ValueError` for a timeout that is not above 0, `Invalid` for an id."""
    seconds = options.timeout if timeout is None else timeout
    check_timeout(seconds)
    if request_id and not (isinstance(request_id, str) and REQUEST_ID.fullmatch(request_id)):
        text = f"`request_id` must be text of 1 to 120 of A-Z a-z 0-9 . _ and -, got {request_id!r:.130}"
        raise Invalid(text, field="request_id")
    return Call(options, options.clock() + seconds, request_id or uuid.uuid4().hex)


def exchange(call: Call, request: Request, retry_missing: bool = False) -> Steps[Reply]:
    """Send the request until it is answered. Raises the `SlipwayError` of the last attempt.

    `retry_missing`: a 404 counts as unavailable, for a version that another replica has already loaded.
    """
    options = call.options
    attempt = 0
    while True:
        reply = yield Turn(call.left())
        if reply is None:
            left = max(call.left(), 0.001)
            reply = yield Send(replace(request, headers=_headers(call, request.headers, left)), left)
        error = _error(call, reply)
        if error is None and isinstance(reply, Reply):
            return reply
        pause = _pause(options, reply, attempt, retry_missing)
        if error is not None and (pause is None or attempt >= options.retries or pause >= call.left()):
            raise error
        yield Wait(pause or 0.0)
        attempt += 1


def _headers(call: Call, own: Mapping[str, str], left: float) -> dict[str, str]:
    milliseconds = str(max(1, int(left * 1000)))
    return {**own, "x-request-id": call.request_id, "x-request-timeout-ms": milliseconds}


def _error(call: Call, event: Event) -> SlipwayError | None:
    if isinstance(event, Reply):
        return error_of(event, call.request_id)
    if event is None:
        raise TypeError("a client must answer `Send` with a `Reply` or a `Failure`")
    error = failure_error(event, call.options.url, call.request_id)
    error.__cause__ = event.cause
    return error


def _pause(options: Options, event: Event, attempt: int, retry_missing: bool) -> float | None:
    """Seconds to wait before the next attempt; None: there must not be one."""
    backoff = min(FIRST_PAUSE * 2.0**attempt, LONGEST_PAUSE) * (0.5 + options.jitter())
    if isinstance(event, Failure):
        return backoff if event.outcome is Outcome.UNSENT else None
    if not isinstance(event, Reply):
        return None
    asked = retry_after(event)
    if event.status == 429 or (event.status == 503 and asked is not None):
        # All clients were told the same number, so each adds to it as chance has it.
        return backoff if asked is None else asked + backoff
    return backoff if retry_missing and event.status == 404 else None
