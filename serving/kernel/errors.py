"""The one tree of errors. Each class has its HTTP and gRPC status.

    SlipwayError
    ├── ClientError               the caller can fix it
    │   ├── Malformed             400  not the promised format
    │   ├── Unauthenticated       401  no identity, or one that is not valid
    │   ├── Forbidden             403  the identity lacks a scope
    │   ├── NotFound              404  no such app, model, version or path
    │   ├── MethodNotAllowed      405
    │   ├── BodyTimeout           408  the body did not arrive in time
    │   ├── TooLarge              413  body or element count over the limit
    │   ├── TargetTooLong         414
    │   ├── HeadTooLarge          431  too many bytes or fields before the body
    │   ├── TooManyRequests       429  with Retry-After
    │   ├── UnsupportedMedia      415
    │   └── Invalid               422  a field out of range; `field` is its JSON path
    └── ServerError               a fault of the server
        ├── BackendFailed         500
        │   └── RowsRejected           the model refused the values; `Invalid` where the caller sent them
        ├── Unavailable           503  with Retry-After
        │   ├── NotReady               no verified version is loaded
        │   └── Overloaded             the queue is full
        └── DeadlineExceeded      504

The message of every class here is sent to the caller: put no secrets, paths or stack traces in it. The cause
(`raise ... from`) is logged and never sent.
"""

from __future__ import annotations

from typing import ClassVar

__all__ = [
    "BackendFailed",
    "BodyTimeout",
    "ClientError",
    "DeadlineExceeded",
    "Forbidden",
    "HeadTooLarge",
    "Invalid",
    "Malformed",
    "MethodNotAllowed",
    "NotFound",
    "NotReady",
    "Overloaded",
    "RowsRejected",
    "ServerError",
    "SlipwayError",
    "TargetTooLong",
    "TooLarge",
    "TooManyRequests",
    "Unauthenticated",
    "Unavailable",
    "UnsupportedMedia",
]


class SlipwayError(Exception):
    """The root of all errors that are reported to the caller.

    `status` is the HTTP status and `grpc_status` the name of a `grpc.StatusCode`. `title` is the short text that
    is the same for all errors of a kind, as RFC 9457 requires.
    """

    status: ClassVar[int] = 500
    grpc_status: ClassVar[str] = "INTERNAL"
    title: ClassVar[str] = "Internal error"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class ClientError(SlipwayError):
    """The caller can fix it."""

    status = 400
    grpc_status = "INVALID_ARGUMENT"
    title = "Bad request"


class Malformed(ClientError):
    """The bytes do not have the promised format: bad JSON, wrong tensor size, unknown field."""

    title = "Malformed request"


class Unauthenticated(ClientError):
    """The path needs an identity, and the request shows none or one that is not valid."""

    status = 401
    grpc_status = "UNAUTHENTICATED"
    title = "Unauthenticated"


class Forbidden(ClientError):
    """The identity lacks the scope that the path needs."""

    status = 403
    grpc_status = "PERMISSION_DENIED"
    title = "Forbidden"


class NotFound(ClientError):
    """No such app, model, version or path."""

    status = 404
    grpc_status = "NOT_FOUND"
    title = "Not found"


class MethodNotAllowed(ClientError):
    """The path exists, the method does not."""

    status = 405
    grpc_status = "UNIMPLEMENTED"
    title = "Method not allowed"


class BodyTimeout(ClientError):
    """The caller announced a body but did not send it before the deadline."""

    status = 408
    grpc_status = "DEADLINE_EXCEEDED"
    title = "Request timeout"


class TooLarge(ClientError):
    """The body or a tensor exceeds a limit."""

    status = 413
    grpc_status = "RESOURCE_EXHAUSTED"
    title = "Request too large"


class TargetTooLong(ClientError):
    """The request's target has too many bytes."""

    status = 414
    title = "Target too long"


class HeadTooLarge(ClientError):
    """The head of the request has too many bytes or fields."""

    status = 431
    title = "Request header fields too large"


class TooManyRequests(ClientError):
    """The caller asks too often; try again after `retry_after` seconds."""

    status = 429
    grpc_status = "RESOURCE_EXHAUSTED"
    title = "Too many requests"

    def __init__(self, message: str, retry_after: int = 1) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class UnsupportedMedia(ClientError):
    """The door does not accept this content type."""

    status = 415
    title = "Unsupported media type"


class Invalid(ClientError):
    """A field is well-formed but its value is not allowed.

    `field` is its JSON path, such as `$.instances[0].horizon`; the message says what is allowed.
    """

    status = 422
    title = "Invalid field"

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}" if field else message)
        self.field = field
        self.reason = message

    def __reduce__(self) -> tuple[type[Invalid], tuple[str, str]]:
        """Pickle the error with both of its parts."""
        return type(self), (self.field, self.reason)


class ServerError(SlipwayError):
    """A fault of the server; the caller did nothing wrong."""


class BackendFailed(ServerError):
    """The model could not be run on these rows."""

    title = "Backend failed"


class RowsRejected(BackendFailed):
    """The engine runs, and the model refused the values of these rows: an unknown category, an id beyond a table.

    `reason` has the engine's words for callers, and `node` is the graph's node that failed, empty if it has no
    name. Who sent the values is known to the batch's kind, see `BatchKind.refused`; where that was not the caller,
    the reason stays in the log.
    """

    def __init__(self, reason: str, node: str = "") -> None:
        super().__init__("the model could not be run on these inputs")
        self.reason = reason
        self.node = node

    def __reduce__(self) -> tuple[type[RowsRejected], tuple[str, str]]:
        """Pickle the error with both of its parts."""
        return type(self), (self.reason, self.node)


class Unavailable(ServerError):
    """Try again after `retry_after` seconds."""

    status = 503
    grpc_status = "UNAVAILABLE"
    title = "Unavailable"

    def __init__(self, message: str, retry_after: int = 1) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class NotReady(Unavailable):
    """No verified version of the app is loaded."""

    title = "Not ready"


class Overloaded(Unavailable):
    """The queue is full."""

    grpc_status = "RESOURCE_EXHAUSTED"
    title = "Overloaded"


class DeadlineExceeded(ServerError):
    """The deadline passed before the answer was ready."""

    status = 504
    grpc_status = "DEADLINE_EXCEEDED"
    title = "Deadline exceeded"
