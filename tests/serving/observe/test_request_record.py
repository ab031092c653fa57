from __future__ import annotations

import msgspec
import pytest

from serving.observe.request_record import Ignore, Observer, RequestRecord

RECORD = RequestRecord("id", "v1", "POST", "/v1/models/{model}:predict", "toy", 3, 200, 0.01, 1, "", "", 1.7e9)


def test_a_record_cannot_be_changed_and_is_plain_data() -> None:
    with pytest.raises(AttributeError):
        RECORD.status = 500  # type: ignore[misc]
    assert msgspec.json.decode(msgspec.json.encode(RECORD), type=RequestRecord) == RECORD


def test_the_observer_that_does_nothing() -> None:
    observer: Observer = Ignore()
    observer.started("v1")
    observer.finished(RECORD)
