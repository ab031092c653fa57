"""What httpx gets of the options, and its answers and errors as those of the core."""

from __future__ import annotations

import ssl

import httpx

from slipway_client.core.options import Options
from slipway_client.core.steps import Failure, Outcome, Reply

__all__ = ["ERRORS", "Body", "failure_of", "headers_of", "no_turn", "reply_of", "tls_of"]


class TooLong(Exception):
    """The answer has more bytes than the client takes."""


ERRORS = (httpx.HTTPError, httpx.InvalidURL, TimeoutError, TooLong)
"""What a request can end with."""


class Body:
    """The bytes of an answer as they come; `add` raises one of `ERRORS` beyond `most`."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._parts: list[bytes] = []
        self._size = 0

    def add(self, part: bytes) -> None:
        """Keep a part."""
        self._size += len(part)
        if self._size > self._most:
            raise TooLong(f"more than {self._most} bytes")
        self._parts.append(part)

    def whole(self) -> bytes:
        """All parts."""
        return b"".join(self._parts)


def headers_of(options: Options) -> dict[str, str]:
    """The headers of every request."""
    # An answer of a gateway is small or binary: to compress it takes longer than to send it.
    made = {"accept": "application/json", "accept-encoding": "identity", "user-agent": "slipway-client"}
    return made if options.api_key is None else {**made, "authorization": f"Bearer {options.api_key}"}


def tls_of(options: Options) -> ssl.SSLContext | None:
    """What checks the server's certificate; None for http, as reading the authorities takes a while."""
    return httpx.create_ssl_context() if options.url.lower().startswith("https:") else None


def reply_of(answer: httpx.Response, body: bytes) -> Reply:
    """The answer with its body."""
    return Reply(answer.status_code, {name.lower(): value for name, value in answer.headers.items()}, body)


def failure_of(error: Exception) -> Failure:
    """How far a request came that ended with `error`, one of `ERRORS`."""
    if isinstance(error, TooLong):
        return Failure(Outcome.TOO_LONG, error)
    if isinstance(error, httpx.TimeoutException | TimeoutError):
        return Failure(Outcome.LATE, error)
    if isinstance(error, httpx.ConnectError):
        return Failure(Outcome.UNSENT, error)
    if isinstance(error, httpx.NetworkError) or _is_cut(error):
        return Failure(Outcome.BROKEN, error)
    return Failure(Outcome.UNREADABLE, error)


def no_turn() -> Failure:
    """A request for which no connection was free in time."""
    return Failure(Outcome.LATE, TimeoutError("all connections of this client are busy"))


def _is_cut(error: Exception) -> bool:
    """Whether the server closed the connection too early, which httpx calls an error of the protocol too."""
    text = str(error)
    return isinstance(error, httpx.RemoteProtocolError) and ("disconnected" in text or "closed" in text)
