"""An error in the form of its door: a problem document, `{"error": ...}` or a gRPC status."""

from __future__ import annotations

import grpc
import msgspec

from serving.edge.request_life import Response
from serving.kernel.call import Call
from serving.kernel.errors import (
    Invalid,
    MethodNotAllowed,
    NotFound,
    SlipwayError,
    TooManyRequests,
    Unauthenticated,
    Unavailable,
)

__all__ = ["WrongMethod", "error_answer", "grpc_code", "headers_of", "no_path", "problem", "type_of", "v2_error"]

PROBLEM_TYPE = "application/problem+json"

ENCODER = msgspec.json.Encoder()


class WrongMethod(MethodNotAllowed):
    """The path exists; `allow` lists its methods."""

    def __init__(self, method: str, allow: tuple[str, ...]) -> None:
        super().__init__(f"{method[:16]} is not allowed here; allowed: {', '.join(allow)}")
        self.allow = allow


def no_path(path: str) -> NotFound:
    """The error for a path that no route answers."""
    return NotFound(f"no path {path[:128]!r}; GET /openapi.json lists those there are")


def error_answer(error: SlipwayError, call: Call) -> Response:
    """The answer to a request that failed."""
    if call.door == "v2":
        return v2_error(error)
    if isinstance(error, Invalid) and not error.field.startswith("$"):
        # The data plane names fields from the list of questions on.
        error = Invalid(f"$.instances{error.field}", error.reason)
    return problem(error, call.request_id)


def type_of(error: type[SlipwayError]) -> str:
    """The problem type's URI, the same for all errors of a kind."""
    return "urn:slipway:problem:" + error.title.lower().replace(" ", "-")


def problem(error: SlipwayError, request_id: str) -> Response:
    """An RFC 9457 problem document."""
    document: dict[str, object] = {
        "type": type_of(type(error)),
        "title": error.title,
        "status": error.status,
        "detail": error.message,
        "request_id": request_id,
    }
    if isinstance(error, Invalid):
        document["field"] = error.field
    return Response(ENCODER.encode(document), error.status, PROBLEM_TYPE, headers_of(error))


def v2_error(error: SlipwayError) -> Response:
    """The Open Inference Protocol's error object."""
    return Response(ENCODER.encode({"error": error.message}), error.status, headers=headers_of(error))


def headers_of(error: SlipwayError) -> dict[str, str]:
    """Headers that belong to an error: when to try again, how to show who asks, which methods are allowed."""
    if isinstance(error, Unavailable | TooManyRequests):
        return {"retry-after": str(error.retry_after)}
    if isinstance(error, Unauthenticated):
        return {"www-authenticate": 'Bearer realm="slipway"'}
    return {"allow": ", ".join(error.allow)} if isinstance(error, WrongMethod) else {}


def grpc_code(error: SlipwayError) -> grpc.StatusCode:
    """The gRPC status of an error."""
    return grpc.StatusCode[error.grpc_status]
