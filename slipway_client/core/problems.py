"""Answers and failures as errors: problem documents of v1, `{"error": ...}` of v2, and what proxies send."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any

from slipway_client import errors
from slipway_client.core.steps import Failure, Outcome, Reply

__all__ = ["error_of", "failure_error", "retry_after", "shifted"]

OVERLOADED = "urn:slipway:problem:overloaded"
KINDS: dict[int, type[errors.SlipwayError]] = {
    400: errors.Malformed,
    401: errors.Unauthorized,
    403: errors.Unauthorized,
    404: errors.NotFound,
    408: errors.DeadlineExceeded,
    413: errors.TooLarge,
    415: errors.Malformed,
    422: errors.Invalid,
    429: errors.Overloaded,
    502: errors.Unavailable,
    503: errors.Unavailable,
    504: errors.DeadlineExceeded,
}
FIELD = re.compile(r"(\$[^\s:]*): ")
INSTANCE = re.compile(r"\$\.instances\[(\d+)\]")
LONGEST_TEXT = 300


def error_of(reply: Reply, request_id: str) -> errors.SlipwayError | None:
    """The error that an answer reports; None for an answer with status 200 to 299."""
    status = reply.status
    if 200 <= status < 300:
        return None
    document = _document(reply.body)
    named = str(document.get("request_id") or reply.headers.get("x-request-id") or request_id)
    message = _message(reply, document)
    if status < 400:
        place = reply.headers.get("location", "nowhere")
        text = f"the server answered {status} and points to {place}; use the address of the gateway itself"
        return errors.BadAnswer(text, status=status, request_id=named)
    kind = KINDS.get(status, errors.RequestError if status < 500 else errors.Failed)
    if status == 503 and document.get("type") == OVERLOADED:
        kind = errors.Overloaded
    if issubclass(kind, errors.Unavailable):
        return kind(message, retry_after=retry_after(reply), status=status, request_id=named)
    if issubclass(kind, errors.Invalid):
        found = FIELD.match(message)
        field = str(document.get("field") or (found[1] if found else ""))
        return kind(message, field=field, status=status, request_id=named)
    return kind(message, status=status, request_id=named)


def failure_error(failure: Failure, url: str, request_id: str) -> errors.SlipwayError:
    """The error for a request that has no answer."""
    cause = f"{type(failure.cause).__name__}: {failure.cause}".strip(": ")
    match failure.outcome:
        case Outcome.UNSENT:
            return errors.Unavailable(f"no connection to {url} ({cause})", request_id=request_id)
        case Outcome.LATE:
            return errors.DeadlineExceeded(f"{url} did not answer in time ({cause})", request_id=request_id)
        case Outcome.BROKEN:
            text = f"the connection to {url} ended before the whole answer was there ({cause})"
            return errors.Unavailable(text, request_id=request_id)
        case Outcome.TOO_LONG:
            text = f"the answer of {url} is too long ({cause}); ask for fewer rows, or raise `max_answer_bytes`"
            return errors.BadAnswer(text, request_id=request_id)
    return errors.BadAnswer(f"what {url} sent is not a valid HTTP answer ({cause})", request_id=request_id)


def retry_after(reply: Reply) -> float | None:
    """The seconds of the header `Retry-After`, which has a number or a date; None without a usable one."""
    text = reply.headers.get("retry-after", "").strip()
    if re.fullmatch(r"[0-9]{1,9}", text):
        return float(text)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except (ValueError, OverflowError):
        return None


def shifted(error: errors.Invalid, start: int) -> errors.Invalid:
    """The error of a part of the rows that begins at `start`, with the index among all rows."""

    def moved(text: str) -> str:
        return INSTANCE.sub(lambda match: f"$.instances[{int(match[1]) + start}]", text)

    return errors.Invalid(
        moved(error.message), field=moved(error.field), status=error.status, request_id=error.request_id
    )


def _document(body: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _message(reply: Reply, document: Mapping[str, Any]) -> str:
    """What the server says, else the beginning of its text, else the name of the status."""
    for key in ("detail", "error", "message"):
        if isinstance(document.get(key), str) and document[key]:
            return str(document[key])
    text = " ".join(reply.body[: 4 * LONGEST_TEXT].decode(errors="replace").split())[:LONGEST_TEXT]
    known = {status.value: status.phrase for status in HTTPStatus}
    phrase = f"the server answered {reply.status} {known.get(reply.status, '')}".rstrip()
    return f"{phrase}: {text}" if text else phrase
