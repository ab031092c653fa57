"""What can go wrong, as one tree of errors.

    SlipwayError
    ├── RequestError              the caller can fix it
    │   ├── Malformed             400, 415  not the promised format
    │   ├── Unauthorized          401, 403  no key, or one that may not do this
    │   ├── NotFound              404  no such model or version
    │   ├── TooLarge              413  a single row is larger than the server allows
    │   └── Invalid               422  a value that is not allowed; `field` says where
    └── ServerError               the caller did nothing wrong
        ├── Failed                500  the model could not be run
        ├── Unavailable           503  or no connection; `retry_after` in seconds where the server says it
        │   └── Overloaded        429, and 503 for a queue that is full
        ├── DeadlineExceeded      504, or no answer in time
        └── BadAnswer             what came is not an answer of this protocol

Errors that are found before anything is sent have no `status`.
"""

from __future__ import annotations

__all__ = [
    "BadAnswer",
    "DeadlineExceeded",
    "Failed",
    "Invalid",
    "Malformed",
    "NotFound",
    "Overloaded",
    "RequestError",
    "ServerError",
    "SlipwayError",
    "TooLarge",
    "Unauthorized",
    "Unavailable",
]


class SlipwayError(Exception):
    """The root of all errors of this package.

    `status` is the HTTP status of the answer, None if there was none. `request_id` is in the server's log too.
    """

    def __init__(self, message: str, *, status: int | None = None, request_id: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.request_id = request_id

    def __str__(self) -> str:
        return f"{self.message} (request {self.request_id})" if self.request_id else self.message


class RequestError(SlipwayError):
    """The caller can fix it."""


class Malformed(RequestError):
    """The request does not have the format that the server expects."""


class Unauthorized(RequestError):
    """The server wants an API key, or this key may not do this."""


class NotFound(RequestError):
    """There is no such model or version."""


class TooLarge(RequestError):
    """The request has more rows or bytes than the server allows, and could not be cut further."""


class Invalid(RequestError):
    """A value is not allowed. `field` says where, such as `$.instances[0].horizon`; empty if that is unknown."""

    def __init__(self, message: str, *, field: str = "", status: int | None = None, request_id: str = "") -> None:
        super().__init__(message, status=status, request_id=request_id)
        self.field = field


class ServerError(SlipwayError):
    """The caller did nothing wrong."""


class Failed(ServerError):
    """The server or its model failed on this request."""


class Unavailable(ServerError):
    """No version can answer now, or the server cannot be reached.

    `retry_after` has the seconds after which another attempt is worth it; None if the server did not say so.
    """

    def __init__(
        self,
        message: str,
        *,
        retry_after: float | None = None,
        status: int | None = None,
        request_id: str = "",
    ) -> None:
        super().__init__(message, status=status, request_id=request_id)
        self.retry_after = retry_after


class Overloaded(Unavailable):
    """The server has more requests than it can answer."""


class DeadlineExceeded(ServerError):
    """The answer was not there in time."""


class BadAnswer(ServerError):
    """What came is not an answer of this protocol, for example one of another program behind the same address."""
