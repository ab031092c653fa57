from __future__ import annotations

from typing import Any

import pytest

from serving.kernel.settings import Settings
from slipway_client.core.options import MAX_BODY_BYTES, MAX_ROWS
from tests.slipway_client.driven import options


@pytest.mark.parametrize("url", ["http://127.0.0.1:8080", "https://host", "http://[::1]:80", "HTTP://h/prefix/x"])
def test_addresses_of_gateways(url: str) -> None:
    assert options(url=url).url == url


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"url": "host:8080"}, "`url` must be"),
        ({"url": "ftp://host"}, "`url` must be"),
        ({"url": "http://user:secret@host"}, "`url` must be"),
        ({"url": "http://host?x=1"}, "`url` must be"),
        ({"url": "http://"}, "`url` must be"),
        ({"url": "http://host:0"}, "`url` must be"),
        ({"url": "http://host:65536"}, "`url` must be"),
        ({"url": "http://host:http"}, "`url` must be"),
        ({"url": "http://[::1"}, "`url` must be"),
        ({"url": "http://[host]:80"}, "`url` must be"),
        ({"api_key": ""}, "`api_key` must be"),
        ({"api_key": "a\r\nhost: b"}, "`api_key` must be"),
        ({"timeout": 0}, "`timeout` must be"),
        ({"timeout": float("nan")}, "`timeout` must be"),
        ({"timeout": float("inf")}, "`timeout` must be"),
        ({"retries": -1}, "`retries` must be a whole number of at least 0"),
        ({"max_rows": 0}, "`max_rows` must be a whole number of at least 1"),
        ({"max_rows": "100"}, "`max_rows` must be a whole number of at least 1, got '100'"),
        ({"max_rows": 2.5}, "`max_rows` must be a whole number of at least 1, got 2.5"),
        ({"timeout": "5"}, "`timeout` must be more than 0 and at most 1,000,000 seconds, got '5'"),
        ({"connection_age": "60"}, "`connection_age` must be more than 0 seconds, got '60'"),
        ({"max_body_bytes": 0}, "`max_body_bytes` must be a whole number of"),
        ({"max_answer_bytes": 0}, "`max_answer_bytes` must be a whole number of"),
        ({"timeout": 1e7}, "`timeout` must be"),
        ({"max_connections": 0}, "`max_connections` must be a whole number of"),
        ({"connection_age": 0}, "`connection_age` must be"),
    ],
)
def test_what_makes_no_sense_is_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        options(**fields)


def test_secrets_are_not_shown() -> None:
    assert "secret" not in repr(options(api_key="secret"))
    with pytest.raises(ValueError, match="got one with @") as found:
        options(url="http://user:secret@host")
    assert "secret" not in str(found.value)


def test_the_limits_are_those_of_a_gateway() -> None:
    settings = Settings()
    assert (MAX_ROWS, MAX_BODY_BYTES) == (settings.max_rows, settings.max_body_bytes)
