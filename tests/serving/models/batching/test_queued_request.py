from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from serving.kernel.errors import BackendFailed, DeadlineExceeded, Unavailable
from serving.models.batching.queued_request import PartAnswer, QueuedRequest, fail_late
from tests.serving.models.numbers import UNMERGEABLE, Numbers


@pytest.fixture
def answer() -> Iterator[asyncio.Future[Any]]:
    loop = asyncio.new_event_loop()
    yield loop.create_future()
    loop.close()


def queued(answer: asyncio.Future[Any], deadline: float = 10.0) -> QueuedRequest:
    return QueuedRequest(answer, "payload", 1, deadline, 0.0)


def test_a_request_is_failed_from_its_deadline_on(answer: asyncio.Future[Any]) -> None:
    subject = queued(answer)
    assert fail_late([subject], 9.9) == [subject]
    assert not answer.done()
    assert fail_late([subject], 10.0) == []
    assert isinstance(answer.exception(), DeadlineExceeded)
    assert fail_late([subject], 9.9) == []


def test_a_cancelled_request_is_left_out(answer: asyncio.Future[Any]) -> None:
    answer.cancel()
    assert fail_late([queued(answer)], 0.0) == []
    assert fail_late([queued(answer)], 11.0) == []
    queued(answer).fail(ValueError())


@pytest.mark.parametrize(
    ("error", "known"),
    [(ValueError("secret"), BackendFailed), (asyncio.CancelledError(), Unavailable), (KeyError(), BackendFailed)],
)
def test_an_error_without_a_place_in_an_answer_is_the_cause(
    answer: asyncio.Future[Any], error: BaseException, known: type[Exception]
) -> None:
    queued(answer).fail(error)
    found = answer.exception()
    assert type(found) is known
    assert found.__cause__ is error
    assert "secret" not in str(found)


def test_an_error_with_a_place_in_an_answer_stays(answer: asyncio.Future[Any]) -> None:
    error = Unavailable("gone", 7)
    queued(answer).fail(error)
    assert answer.exception() is error


def parts(answer: asyncio.Future[Any], total: int) -> list[PartAnswer]:
    results: dict[int, Any] = {}
    return [PartAnswer(Numbers(), answer, results, index, total) for index in range(total)]


def test_parts_may_come_in_any_order(answer: asyncio.Future[Any]) -> None:
    first, second, third = parts(answer, 3)
    third.set_result([3])
    first.set_result([1])
    assert not second.done()
    second.set_result([2])
    assert answer.result() == [1, 2, 3]


def test_one_part_ends_all(answer: asyncio.Future[Any]) -> None:
    first, second = parts(answer, 2)
    error = Unavailable("gone")
    first.set_exception(error)
    assert second.done()
    assert answer.exception() is error


def test_parts_that_do_not_fit_are_an_error(answer: asyncio.Future[Any]) -> None:
    first, second = parts(answer, 2)
    first.set_result([2 * UNMERGEABLE])
    second.set_result([2])
    assert isinstance(answer.exception(), BackendFailed)
