from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from serving.kernel.errors import BackendFailed, DeadlineExceeded, Unavailable
from serving.models.batching.queued_request import Item, Part
from tests.serving.models.numbers import UNMERGEABLE, Numbers


@pytest.fixture
def answer() -> Iterator[asyncio.Future[Any]]:
    loop = asyncio.new_event_loop()
    yield loop.create_future()
    loop.close()


def item(answer: asyncio.Future[Any], deadline: float = 10.0) -> Item:
    return Item(answer, "payload", 1, deadline, 0.0)


def test_a_request_runs_until_its_deadline(answer: asyncio.Future[Any]) -> None:
    subject = item(answer)
    assert subject.runs(9.9)
    assert not subject.runs(10.0)
    assert isinstance(answer.exception(), DeadlineExceeded)
    assert not subject.runs(9.9)


def test_a_request_whose_caller_has_gone_does_not_run(answer: asyncio.Future[Any]) -> None:
    answer.cancel()
    assert not item(answer).runs(0.0)
    assert not item(answer).runs(11.0)
    item(answer).fail(ValueError())


@pytest.mark.parametrize(
    ("error", "known"),
    [(ValueError("secret"), BackendFailed), (asyncio.CancelledError(), Unavailable), (KeyError(), BackendFailed)],
)
def test_an_error_without_a_place_in_an_answer_is_the_cause(
    answer: asyncio.Future[Any], error: BaseException, known: type[Exception]
) -> None:
    item(answer).fail(error)
    found = answer.exception()
    assert type(found) is known
    assert found.__cause__ is error
    assert "secret" not in str(found)


def test_an_error_with_a_place_in_an_answer_stays(answer: asyncio.Future[Any]) -> None:
    error = Unavailable("gone", 7)
    item(answer).fail(error)
    assert answer.exception() is error


def parts(answer: asyncio.Future[Any], total: int) -> list[Part]:
    results: dict[int, Any] = {}
    return [Part(Numbers(), answer, results, index, total) for index in range(total)]


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
