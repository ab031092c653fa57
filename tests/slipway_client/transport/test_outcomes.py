from __future__ import annotations

import httpx
import pytest

from slipway_client.core.steps import Outcome
from slipway_client.transport.outcomes import failure_of, headers_of, reply_of
from tests.slipway_client.driven import options


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (httpx.ConnectError("refused"), Outcome.UNSENT),
        (httpx.ConnectTimeout("late"), Outcome.LATE),
        (httpx.PoolTimeout("late"), Outcome.LATE),
        (httpx.ReadTimeout("late"), Outcome.LATE),
        (TimeoutError(), Outcome.LATE),
        (httpx.ReadError("reset"), Outcome.BROKEN),
        (httpx.WriteError("reset"), Outcome.BROKEN),
        (httpx.RemoteProtocolError("Server disconnected without sending a response."), Outcome.BROKEN),
        (httpx.RemoteProtocolError("illegal status line"), Outcome.UNREADABLE),
        (httpx.DecodingError("no gzip"), Outcome.UNREADABLE),
    ],
)
def test_how_far_a_request_came(error: Exception, outcome: Outcome) -> None:
    found = failure_of(error)
    assert (found.outcome, found.cause) == (outcome, error)


def test_headers_of_answers_are_in_lower_case() -> None:
    found = reply_of(httpx.Response(503, headers={"Retry-After": "1", "X-A": "b"}), b"x")
    assert (found.status, found.body, found.headers["retry-after"]) == (503, b"x", "1")


def test_the_key_is_a_bearer_token() -> None:
    assert headers_of(options(api_key="k"))["authorization"] == "Bearer k"
    assert "authorization" not in headers_of(options())
