from __future__ import annotations

from http import HTTPStatus

import msgspec
import pytest

from serving.observe.request_record import CLIENT_GONE, RequestRecord

RECORD = RequestRecord("id", "v1", "POST", "/v1/models/{model}:predict", "toy", 3, 200, 0.01, 1, "", "", 1.7e9)


def test_a_record_cannot_be_changed_and_is_plain_data() -> None:
    with pytest.raises(AttributeError):
        RECORD.status = 500  # type: ignore[misc]
    assert msgspec.json.decode(msgspec.json.encode(RECORD), type=RequestRecord) == RECORD


def test_the_status_of_a_cancelled_request_is_none_that_http_sends() -> None:
    assert CLIENT_GONE not in [status.value for status in HTTPStatus]
