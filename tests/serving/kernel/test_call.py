from __future__ import annotations

import pickle
import time

import pytest

from serving.kernel.call import Call


def test_the_time_left_is_never_negative() -> None:
    assert Call("id", time.monotonic() - 5).remaining() == 0.0
    assert 99 < Call("id", time.monotonic() + 100).remaining() <= 100


def test_a_call_that_says_nothing_of_its_client_is_local_and_of_the_usual_urgency() -> None:
    call = Call("id", 0.0)
    assert (call.door, call.trace_id, call.client, call.urgency) == ("local", "", "", 3)


def test_nothing_on_its_way_changes_a_call() -> None:
    call = Call("id", 1.0, "v2", "trace", "client", 1)
    with pytest.raises(AttributeError):
        call.deadline = 2.0  # type: ignore[misc]
    assert pickle.loads(pickle.dumps(call)) == call
