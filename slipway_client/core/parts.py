"""Many rows in several requests: each within the server's limits, all answered by one version."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from slipway_client.core.attempts import Call, exchange
from slipway_client.core.problems import shifted
from slipway_client.core.steps import Reply, Request, Steps
from slipway_client.errors import Invalid, SlipwayError, Unavailable

__all__ = ["Part", "in_parts"]

T = TypeVar("T")


@dataclass(frozen=True)
class Part(Generic[T]):
    """The answer to one request."""

    version: str
    found: T


def in_parts(
    call: Call,
    count: int,
    path: str,
    encode: Callable[[int, int], Request],
    decode: Callable[[Reply, Call, int], Part[T]],
    version: int | None,
) -> Steps[list[Part[T]]]:
    """Ask about `count` rows. `encode` makes the request for the rows from an index to before another.

    The paths that it gives are below `path`; `decode` gets the answer, its call and the number of its rows.
    Without a `version`, the one that answers first answers the rest too, so that a promotion in between does not
    mix two. Raises the error of the first request that fails, and `Unavailable` if two versions answered anyway.
    """
    size = min(count, call.options.max_rows)
    parts: list[Part[T]] = []
    start = 0
    pinned = ""
    while start < count:
        stop = min(start + size, count)
        own = call if (start, stop) == (0, count) else call.part(len(parts) + 1)
        try:
            request = encode(start, stop)
            if len(request.body) > call.options.max_body_bytes and size > 1:
                size = (size + 1) // 2
                continue
            request = replace(request, path=f"{path}{pinned}{request.path}")
            reply = yield from exchange(own, request, retry_missing=bool(pinned))
        except SlipwayError as error:
            raise _placed(error, start, stop, count) from error.__cause__
        parts.append(decode(reply, own, stop - start))
        if parts[-1].version != parts[0].version:
            raise _mixed(parts[0].version, parts[-1].version, own)
        if version is None and parts[0].version.isdecimal():
            pinned = f"/versions/{parts[0].version}"
        start = stop
    return parts


def _mixed(first: str, other: str, call: Call) -> Unavailable:
    """A fallback has no version to ask for, so a version loaded meanwhile may have answered the later rows."""
    first, other = first or "unknown", other or "unknown"
    text = f"version {first} answered the first rows and version {other} the others; ask again"
    return Unavailable(text, request_id=call.request_id)


def _placed(error: SlipwayError, start: int, stop: int, count: int) -> SlipwayError:
    """The error with the place of its rows among all of them."""
    if isinstance(error, Invalid) and start:
        error = shifted(error, start)
    if (start, stop) != (0, count):
        error.add_note(f"rows {start} to {stop - 1} of {count}")
    return error
