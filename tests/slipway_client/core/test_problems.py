from __future__ import annotations

import time
from email.utils import formatdate

import pytest

from slipway_client import errors
from slipway_client.core.problems import error_of, failure_error, retry_after, shifted
from slipway_client.core.steps import Outcome, Reply
from tests.slipway_client.driven import failure, problem, reply


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (problem(400), errors.Malformed),
        (problem(401), errors.Unauthorized),
        (problem(403), errors.Unauthorized),
        (problem(404), errors.NotFound),
        (problem(405), errors.RequestError),
        (problem(413), errors.TooLarge),
        (problem(415), errors.Malformed),
        (problem(422), errors.Invalid),
        (problem(429), errors.Overloaded),
        (problem(500), errors.Failed),
        (problem(502), errors.Unavailable),
        (problem(503), errors.Unavailable),
        (problem(503, kind="not-ready"), errors.Unavailable),
        (problem(503, kind="overloaded"), errors.Overloaded),
        (problem(504), errors.DeadlineExceeded),
        (problem(307, location="https://elsewhere"), errors.BadAnswer),
    ],
)
def test_each_status_has_its_error(answer: Reply, kind: type[errors.SlipwayError]) -> None:
    error = error_of(answer, "id")
    assert type(error) is kind
    assert error.status == answer.status and error.request_id == "id"


def test_an_answer_is_no_error() -> None:
    assert error_of(reply(200), "id") is None


def test_the_field_comes_from_the_document_or_from_the_text_of_v2() -> None:
    detail = "$.instances[3].age: must be 0 or more"
    first = error_of(reply(422, {"detail": detail, "field": "$.instances[3].age", "request_id": "own"}), "id")
    second = error_of(reply(422, {"error": "$.inputs[0].shape: [1, 3] given"}), "id")
    third = error_of(reply(422, {"error": "no"}, x_request_id="head"), "id")
    assert isinstance(first, errors.Invalid) and (first.field, first.request_id) == ("$.instances[3].age", "own")
    assert isinstance(second, errors.Invalid) and second.field == "$.inputs[0].shape"
    assert isinstance(third, errors.Invalid) and (third.field, third.request_id) == ("", "head")
    assert str(first) == f"{detail} (request own)"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "the server answered 500 Internal Server Error"),
        (b"<html>\n  proxy\n</html>", "the server answered 500 Internal Server Error: <html> proxy </html>"),
        (b"\xff" * 5000, "the server answered 500 Internal Server Error: " + "\ufffd" * 300),
        (b'["a"]', 'the server answered 500 Internal Server Error: ["a"]'),
        (b"[" * 100_000, "the server answered 500 Internal Server Error: " + "[" * 300),
        (b'{"detail": 3}', 'the server answered 500 Internal Server Error: {"detail": 3}'),
    ],
)
def test_what_proxies_send_is_shown_shortly(body: bytes, message: str) -> None:
    error = error_of(reply(500, body), "")
    assert error is not None and str(error) == message


def test_a_redirect_is_named() -> None:
    error = error_of(reply(302, location="https://login.example"), "")
    assert "https://login.example" in str(error)


@pytest.mark.parametrize(
    ("text", "seconds"), [("3", 3.0), ("0", 0.0), ("", None), ("-1", None), ("soon", None), ("9" * 99, None)]
)
def test_retry_after_in_seconds(text: str, seconds: float | None) -> None:
    assert retry_after(reply(503, retry_after=text)) == seconds


def test_retry_after_as_a_date() -> None:
    later = retry_after(reply(503, retry_after=formatdate(time.time() + 3600, usegmt=True)))
    assert later is not None and 0 < later <= 3601
    assert retry_after(reply(503, retry_after=formatdate(0, usegmt=True))) == 0


@pytest.mark.parametrize(
    ("outcome", "kind", "text"),
    [
        (Outcome.UNSENT, errors.Unavailable, "no connection to http://x"),
        (Outcome.LATE, errors.DeadlineExceeded, "did not answer in time"),
        (Outcome.BROKEN, errors.Unavailable, "ended before the whole answer"),
        (Outcome.UNREADABLE, errors.BadAnswer, "not a valid HTTP answer"),
        (Outcome.TOO_LONG, errors.BadAnswer, "ask for fewer rows, or raise `max_answer_bytes`"),
    ],
)
def test_each_failure_has_its_error(outcome: Outcome, kind: type[errors.SlipwayError], text: str) -> None:
    error = failure_error(failure(outcome), "http://x", "id")
    assert type(error) is kind and text in str(error) and "OSError: of the test" in str(error)
    assert error.status is None and error.request_id == "id"


def test_an_index_counts_from_the_first_row_of_all() -> None:
    error = errors.Invalid("$.instances[2].a: no", field="$.instances[2].a", status=422, request_id="id")
    moved = shifted(error, 4096)
    assert (moved.message, moved.field) == ("$.instances[4098].a: no", "$.instances[4098].a")
    assert (moved.status, moved.request_id) == (422, "id")
