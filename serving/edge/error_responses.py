"""Any exception to the door's own form of error: a problem document, `{"error": ...}` or a gRPC status."""

from __future__ import annotations

import logging

import grpc
import msgspec

from serving.edge.http_types import Response
from serving.kernel.call import Call
from serving.kernel.errors import Invalid, SlipwayError, Unavailable
from serving.observe.logs import fields

__all__ = ["answer_to", "grpc_code", "headers_of", "problem", "to_error", "type_of", "v2_error"]

PROBLEM_TYPE = "application/problem+json"
HIDDEN = "the server failed on this request; its log has the cause under the same request id"

log = logging.getLogger(__name__)
ENCODER = msgspec.json.Encoder()


def answer_to(cause: BaseException, call: Call) -> tuple[Response, str]:
    """The answer to a request that failed, and the name of the error for the record."""
    error = to_error(cause, call.request_id)
    if call.door == "v2":
        return v2_error(error), type(error).__name__
    if isinstance(error, Invalid) and not error.field.startswith("$"):
        # The data plane names fields from the list of questions on.
        error = Invalid(f"$.instances{error.field}", error.reason)
    return problem(error, call.request_id), type(error).__name__


def to_error(cause: BaseException, request_id: str) -> SlipwayError:
    """An error that may be sent. What is not of our tree is logged in full and replaced by a bare 500.

    Overload and deadlines are not logged here: they come in storms and the observer counts them.
    """
    if isinstance(cause, SlipwayError):
        if cause.status == 500 and cause.__cause__ is not None:
            log.error("%s", cause.message, exc_info=cause, extra=fields(request_id=request_id))
        return cause
    log.error("unexpected %s", type(cause).__name__, exc_info=cause, extra=fields(request_id=request_id))
    return SlipwayError(HIDDEN)


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
    """Headers that belong to an error: when to come back, which methods there are."""
    if isinstance(error, Unavailable):
        return {"retry-after": str(error.retry_after)}
    allow = getattr(error, "allow", None)
    return {"allow": ", ".join(allow)} if allow else {}


def grpc_code(error: SlipwayError) -> grpc.StatusCode:
    """The gRPC status of an error."""
    return grpc.StatusCode[error.grpc_status]
