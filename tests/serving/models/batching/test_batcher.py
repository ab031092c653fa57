from __future__ import annotations

import asyncio
import gc
import math
import random
import threading
import time
import weakref
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import uvloop
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.kernel.app_values import Batching
from serving.kernel.call import Call
from serving.kernel.errors import (
    BackendFailed,
    DeadlineExceeded,
    Invalid,
    NotReady,
    Overloaded,
    RowsRejected,
    SlipwayError,
    Unavailable,
)
from serving.kernel.tensors import Arrays, TensorSpec
from serving.models.batching.batch_kinds import TensorBatches
from serving.models.batching.batcher import Batcher
from tests.serving.models.numbers import COMPUTED, UNMERGEABLE, Ask, Model, Numbers, Seen, SlowModel, call, each
from tests.serving.models.virtual_time import VirtualLoop, run, turns

kind = Numbers()


def outcomes(asks: Sequence[Ask], execute: Any, concurrency: int = 1, **batching: Any) -> list[Any]:
    """What becomes of requests that are all sent in one turn."""

    async def main(loop: VirtualLoop) -> list[Any]:
        subject = Batcher(execute, Batching(**batching), concurrency=concurrency)
        answers = [subject.submit(kind, ask, call()) for ask in asks]
        done = await asyncio.gather(*answers, return_exceptions=True)
        await subject.close()
        return done

    return run(main)


def doubled(ask: Ask) -> list[int]:
    return [2 * number for number in ask.numbers]


asks = st.lists(
    st.builds(Ask, st.lists(st.integers(0, 40), min_size=0, max_size=20), st.sampled_from(["a", "b", "c"])),
    min_size=1,
    max_size=40,
)


@settings(deadline=None, max_examples=100)
@given(asks, st.integers(1, 9), st.integers(0, 4), st.sets(st.integers(0, 40), max_size=3))
def test_every_caller_gets_its_own_rows_and_only_bad_requests_fail(
    sent: list[Ask], max_rows: int, concurrency: int, bad: set[int]
) -> None:
    model = SlowModel(list(bad), seconds=0.01) if concurrency else Model(list(bad))
    for ask, answer in zip(sent, outcomes(sent, model, concurrency or 1, max_rows=max_rows), strict=True):
        if bad & set(ask.numbers):
            assert isinstance(answer, BackendFailed)
            assert isinstance(answer.__cause__, ValueError)
            assert "bad" not in str(answer)
        else:
            assert answer == doubled(ask)
    for batch in model.batches:
        assert sum(len(ask.numbers) or 1 for ask in batch) <= max_rows
        assert len({ask.batch_key for ask in batch}) == 1


def test_requests_of_one_turn_share_a_batch() -> None:
    model = Model()
    outcomes(list(each(range(8))), model)
    assert model.runs == [list(range(8))]


def test_an_idle_batcher_starts_at_once_and_the_next_batch_fills_while_one_runs() -> None:
    async def main(loop: VirtualLoop) -> None:
        model = SlowModel(seconds=1.0)
        subject = Batcher(model, Batching())
        start = loop.time()
        first = subject.submit(kind, Ask([0]), call())
        await turns()
        assert len(model.flights) == 1
        answers = [first]
        for number in range(1, 6):
            await asyncio.sleep(0.1)
            answers.append(subject.submit(kind, Ask([number]), call()))
        assert subject.queued_rows == 5
        assert await asyncio.gather(*answers) == [[2 * number] for number in range(6)]
        assert model.runs == [[0], [1, 2, 3, 4, 5]]
        assert loop.time() == pytest.approx(start + 2.0)

    run(main)


def test_the_loop_gets_a_turn_between_two_batches() -> None:
    async def main(loop: VirtualLoop) -> None:
        seen: list[int] = []
        model = Model()
        subject = Batcher(model, Batching(max_rows=2))
        answers = [subject.submit(kind, ask, call()) for ask in each(range(10))]
        while not answers[-1].done():
            seen.append(len(model.batches))
            await asyncio.sleep(0)
        assert seen == [0, 1, 2, 3, 4]

    run(main)


def test_inline_batches_make_no_tasks() -> None:
    async def main(loop: VirtualLoop) -> None:
        made: list[Any] = []

        def factory(where: Any, coroutine: Any, **more: Any) -> Any:
            made.append(coroutine)
            return asyncio.Task(coroutine, loop=where, **more)

        loop.set_task_factory(factory)
        subject = Batcher(Model([3]), Batching(max_rows=4))
        await asyncio.wait([subject.submit(kind, Ask([n, n]), call()) for n in range(9)])
        assert made == []

    run(main)


def test_several_batches_run_where_the_engine_takes_them() -> None:
    model = SlowModel(seconds=1.0)
    assert outcomes(list(each(range(10))), model, 3, max_rows=2) == [[2 * n] for n in range(10)]
    assert model.most == 3
    assert sorted(model.runs) == [[0, 1], [2, 3], [4, 5], [6, 7], [8, 9]]


def test_a_run_that_ends_while_others_are_about_to_start_leaves_no_more_than_may_run() -> None:
    async def main(loop: VirtualLoop) -> None:
        model = SlowModel()
        subject = Batcher(model, Batching(max_rows=1), concurrency=2)
        first = subject.submit(kind, Ask([0]), call())
        await turns()
        model.flights[0].set_result(None)
        await turns(1)
        answers = [subject.submit(kind, Ask([n]), call()) for n in range(6)]
        await first
        await turns()
        assert model.most == 2
        model.seconds = 1.0
        for flight in model.flights:
            flight.set_result(None)
        await asyncio.gather(*answers)
        assert model.most == 2

    run(main)


def test_a_large_request_is_cut_and_put_together_again() -> None:
    model = Model()
    large, small = Ask(list(range(10))), Ask([99])
    assert outcomes([large, small], model, max_rows=4) == [doubled(large), [198]]
    assert model.runs == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 99]]


def test_one_part_that_fails_fails_the_request_and_drops_the_other_parts() -> None:
    model = Model([5])
    large, small = outcomes([Ask(list(range(12))), Ask([99])], model, max_rows=4)
    assert isinstance(large, BackendFailed)
    assert small == [198]
    assert model.runs == [[0, 1, 2, 3], [4, 5, 6, 7], [99]]


def test_parts_that_do_not_fit_together_are_an_error_of_their_request() -> None:
    failed, small = outcomes([Ask([UNMERGEABLE, 1]), Ask([2])], Model(), max_rows=1)
    assert isinstance(failed, BackendFailed)
    assert small == [4]


def test_rows_that_disagree_are_an_error_in_the_future() -> None:
    failed, small = outcomes([Ask([None]), Ask([2])], Model())  # type: ignore[list-item]
    assert isinstance(failed, BackendFailed)
    assert small == [4]


def test_a_bad_row_is_found_by_halves() -> None:
    model = Model([37])
    answers = outcomes(list(each(range(64))), model)
    assert [n for n, answer in enumerate(answers) if isinstance(answer, BackendFailed)] == [37]
    assert len(model.batches) == 1 + 2 * 6


def test_halves_run_before_queued_requests_and_the_loop_gets_its_turns() -> None:
    async def main(loop: VirtualLoop) -> None:
        model = Model([1])
        subject = Batcher(model, Batching(max_rows=2))
        answers = [subject.submit(kind, ask, call()) for ask in each(range(4))]
        await asyncio.wait(answers)
        answers[1].exception()
        assert model.runs == [[0, 1], [0], [1], [2, 3]]

    run(main)


class Picky(Model):
    """Says which number is wrong."""

    def __call__(self, kind: object, payloads: Sequence[Ask], deadline: float) -> Any:
        answers = super().__call__(kind, payloads, deadline)
        for ask in payloads:
            for number in ask.numbers:
                if number >= 100:
                    raise Invalid(str(number), "too large")
        return answers


def test_an_error_that_names_a_request_fails_it_in_its_own_terms_and_the_others_run_again() -> None:
    model = Picky()
    answers = outcomes([Ask([1, 2]), Ask([3, 100]), Ask([4]), Ask([5])], model)
    named = answers.pop(1)
    assert isinstance(named, Invalid)
    assert (named.field, named.reason) == ("[1]", "too large")
    assert answers == [[2, 4], [8], [10]]
    assert model.runs == [[1, 2, 3, 100, 4, 5], [1, 2], [4, 5]]


def test_many_wrong_requests_do_not_cost_a_run_of_all_others_each() -> None:
    model = Picky()
    answers = outcomes(list(each([*range(32), *range(100, 132)])), model)
    assert answers[:32] == [[2 * n] for n in range(32)]
    assert {type(answer) for answer in answers[32:]} == {Invalid}
    assert sum(1 for numbers in model.runs if 0 in numbers) == 2


class Refusing(Model):
    """Refuses the values of bad numbers."""

    def answers(self, payloads: Sequence[Ask]) -> list[Any]:
        try:
            return super().answers(payloads)
        except ValueError as error:
            raise RowsRejected("unknown") from error


def test_a_model_that_refuses_values_fails_their_request_alone_and_names_the_row() -> None:
    model = Refusing([37])
    sent = [Ask([1, 2]), Ask(list(range(30, 46))), Ask([3]), Ask([4, 5, 6])]
    answers = outcomes(sent, model, max_rows=64)
    refused = answers.pop(1)
    assert isinstance(refused, Invalid)
    assert (refused.field, refused.reason) == ("[37]", "unknown")
    assert answers == [[2, 4], [6], [8, 10, 12]]
    assert len(model.runs) <= 1 + 2 * 2 + 2 * 4, "halves of four requests, and of sixteen rows"


def test_the_search_for_a_refused_row_is_bounded_though_all_are_bad() -> None:
    model = Refusing(list(range(256)))
    answers = outcomes([Ask(list(range(start, start + 64))) for start in (0, 64, 128, 192)], model, max_rows=64)
    assert [answer.field for answer in answers] == ["[0]", "[64]", "[128]", "[192]"]
    assert len(model.runs) == 4 * 7
    assert sum(map(len, model.runs)) < 4 * 64 * 2


def test_values_that_an_app_computed_are_a_fault_of_the_server_and_not_searched() -> None:
    model = Refusing([2])
    (failed,) = outcomes([Ask([1, 2, 3, 4], COMPUTED)], model)
    assert isinstance(failed, BackendFailed)
    assert "unknown" not in str(failed)
    assert model.runs == [[1, 2, 3, 4]]


def test_rows_that_are_refused_only_together_are_answered() -> None:
    class Cramped(Model):
        def answers(self, payloads: Sequence[Ask]) -> list[Any]:
            if sum(len(ask.numbers) for ask in payloads) > 3:
                raise RowsRejected("too many")
            return super().answers(payloads)

    assert outcomes([Ask(list(range(10))), Ask([7])], Cramped()) == [doubled(Ask(list(range(10)))), [14]]


@pytest.mark.parametrize(
    "error", [Unavailable("gone"), Overloaded("full"), NotReady("loading"), DeadlineExceeded("late")]
)
@pytest.mark.parametrize("named", [False, True])
def test_an_error_that_is_not_about_rows_fails_the_batch_at_once(error: SlipwayError, named: bool) -> None:
    model = Model(error=error)
    assert outcomes([Ask([1]), Ask([2, 3])], model) == [error, error]
    assert model.runs == [[1, 2, 3]]


def test_an_error_with_a_place_in_an_answer_is_given_as_it_is() -> None:
    error = BackendFailed("the model said no")
    assert outcomes([Ask([1])], Model(error=error)) == [error]


def test_a_model_that_recovers_answers_everybody() -> None:
    class Moody(Model):
        def __call__(self, *given: Any) -> Any:
            answer = super().__call__(*given)
            if len(self.batches) % 3 == 1 and len(self.batches) < 9:
                raise RuntimeError("not now")
            return answer

    assert outcomes(list(each(range(8))), Moody()) == [[2 * n] for n in range(8)]


@pytest.mark.parametrize(
    "execute",
    [
        lambda kind, payloads, deadline: [1],
        lambda kind, payloads, deadline: [1, 2, 3],
        lambda kind, payloads, deadline: asyncio.sleep(0.1, [1]),
        lambda kind, payloads, deadline: asyncio.sleep(0.1, None),
        lambda kind, payloads, deadline: asyncio.sleep(0.1, (1, 2)),
        lambda kind, payloads, deadline: None,
    ],
)
def test_a_wrong_number_of_results_fails_all_requests(execute: Any) -> None:
    assert [type(answer) for answer in outcomes([Ask([1]), Ask([2])], execute)] == [BackendFailed, BackendFailed]


def test_a_run_that_is_cancelled_is_not_the_requests_fault() -> None:
    async def main(loop: VirtualLoop) -> None:
        flights: list[asyncio.Future[Any]] = [loop.create_future()]
        subject = Batcher(lambda kind, payloads, deadline: flights[-1], Batching())
        answers = [subject.submit(kind, ask, call()) for ask in each([1, 2])]
        await turns()
        flights[0].cancel()
        done = await asyncio.gather(*answers, return_exceptions=True)
        assert [type(answer) for answer in done] == [Unavailable, Unavailable]
        flights.append(loop.create_future())
        flights[-1].set_result([7])
        assert await subject.submit(kind, Ask([1]), call()) == 7

    run(main)


def test_an_inline_run_that_is_cancelled_does_not_stop_the_batcher() -> None:
    model = Model(error=asyncio.CancelledError())
    assert [type(answer) for answer in outcomes([Ask([1]), Ask([2])], model)] == [Unavailable, Unavailable]


def test_a_passed_deadline_is_reported_at_once() -> None:
    async def main(loop: VirtualLoop) -> None:
        model, seen = Model(), Seen()
        subject = Batcher(model, Batching(), seen)
        answer = subject.submit(kind, Ask([1]), call(loop.time()))
        assert isinstance(answer.exception(), DeadlineExceeded)
        await turns()
        assert model.batches == []
        assert seen.rejections == {"deadline": 1}

    run(main)


def test_deadlines_pass_in_the_queue_while_a_run_hangs() -> None:
    async def main(loop: VirtualLoop) -> None:
        model, seen = SlowModel(), Seen()
        subject = Batcher(model, Batching(max_rows=2, max_queue_rows=8), seen)
        start = loop.time()
        answers = [subject.submit(kind, Ask([n]), call(start + 1.0 + n / 10)) for n in range(8)]
        await turns()
        more = [subject.submit(kind, Ask([n]), call()) for n in range(8, 14)]
        for n, answer in enumerate(answers):
            with pytest.raises(DeadlineExceeded):
                await answer
            assert loop.time() == pytest.approx(start + 1.0 + n / 10, abs=0.005)
        assert seen.rejections == {"deadline": 6, "overload": 4}
        assert subject.queued_rows == seen.queue[-1] == 2
        assert [type(answer.exception()) for answer in more[2:]] == [Overloaded] * 4
        model.flights[0].set_result(None)
        model.seconds = 1.0
        assert await asyncio.gather(*more[:2]) == [[16], [18]]
        assert model.runs == [[0, 1], [8, 9]]

    run(main)


def test_a_result_that_comes_too_late_is_thrown_away() -> None:
    async def main(loop: VirtualLoop) -> None:
        model, seen = SlowModel(seconds=5.0), Seen()
        subject = Batcher(model, Batching(), seen)
        start = loop.time()
        answers = [subject.submit(kind, Ask([n]), call(start + 1 + n)) for n in range(10)]
        done = await asyncio.gather(*answers, return_exceptions=True)
        assert [type(answer) for answer in done[:4]] == [DeadlineExceeded] * 4
        assert done[5:] == [[2 * n] for n in range(5, 10)]
        assert model.runs == [list(range(10))]
        assert seen.rejections == {}

    run(main)


def test_requests_that_became_late_while_a_run_blocked_the_loop_do_not_run() -> None:
    async def main(loop: VirtualLoop) -> None:
        class Blocking(Model):
            def __call__(self, *given: Any) -> Any:
                loop.pass_time(1.0)
                return super().__call__(*given)

        model, seen = Blocking([1]), Seen()
        subject = Batcher(model, Batching(max_rows=2), seen)
        start = loop.time()
        answers = [subject.submit(kind, Ask([n]), call(start + 1.5 + 9 * (n == 5))) for n in range(6)]
        done = await asyncio.gather(*answers, return_exceptions=True)
        assert done[0] == [0]
        assert [type(answer) for answer in done[1:5]] == [DeadlineExceeded] * 4
        assert done[5] == [10]
        assert model.runs == [[0, 1], [0], [5]]
        assert seen.rejections == {"deadline": 3}

    run(main)


def test_the_parts_of_a_late_request_are_one_rejection() -> None:
    async def main(loop: VirtualLoop) -> None:
        model, seen = SlowModel(), Seen()
        subject = Batcher(model, Batching(max_rows=2), seen)
        first = subject.submit(kind, Ask([0]), call())
        await turns()
        with pytest.raises(DeadlineExceeded):
            await subject.submit(kind, Ask(list(range(9))), call(loop.time() + 1))
        assert seen.rejections == {"deadline": 1}
        model.flights[0].set_result(None)
        await first

    run(main)


def test_a_cancelled_request_does_not_run() -> None:
    async def main(loop: VirtualLoop) -> None:
        model = SlowModel(seconds=1.0)
        subject = Batcher(model, Batching(max_rows=4))
        answers = [subject.submit(kind, Ask([n, n]), call()) for n in range(5)]
        large = subject.submit(kind, Ask(list(range(10, 20))), call())
        await turns()
        for gone in (answers[0], answers[2], large):
            gone.cancel()
        assert [await answers[n] for n in (1, 3, 4)] == [[2, 2], [6, 6], [8, 8]]
        await subject.close()
        assert model.runs == [[0, 0, 1, 1], [3, 3, 4, 4]]

    run(main)


def test_cancelled_requests_make_room() -> None:
    async def main(loop: VirtualLoop) -> None:
        model = SlowModel()
        subject = Batcher(model, Batching(max_rows=1, max_queue_rows=4))
        first = subject.submit(kind, Ask([0]), call())
        await turns()
        gone = [subject.submit(kind, Ask([n]), call()) for n in range(4)]
        assert isinstance(subject.submit(kind, Ask([9]), call()).exception(), Overloaded)
        for answer in gone:
            answer.cancel()
        await asyncio.sleep(0.01)
        assert not subject.submit(kind, Ask([9]), call()).done()
        assert subject.queued_rows == 1
        first.cancel()

    run(main)


def test_a_full_queue_refuses_at_once_and_keeps_its_requests() -> None:
    async def main(loop: VirtualLoop) -> None:
        model, seen = Model(), Seen()
        subject = Batcher(model, Batching(max_rows=2, max_queue_rows=4), seen)
        answers = [subject.submit(kind, ask, call()) for ask in each(range(10))]
        assert [answer.done() for answer in answers] == [False] * 4 + [True] * 6
        refusal = answers[-1].exception()
        assert isinstance(refusal, Overloaded)
        assert refusal.retry_after >= 1
        assert "4 rows wait already (limit 4)" in str(refusal)
        assert seen.rejections == {"overload": 6}
        assert await asyncio.gather(*answers[:4]) == [[0], [2], [4], [6]]
        for answer in answers[4:]:
            answer.exception()

    run(main)


def test_a_request_larger_than_the_queue_is_taken_when_nothing_waits() -> None:
    large, small = Ask(list(range(10))), Ask([99])
    assert outcomes([large], Model(), max_rows=2, max_queue_rows=4) == [doubled(large)]
    first, second = outcomes([small, large], Model(), max_rows=2, max_queue_rows=4)
    assert first == [198]
    assert isinstance(second, Overloaded)


async def overloaded(loop: VirtualLoop, client: str) -> Batcher:
    """Batches of two take a second each and two have run; ten rows of one client wait behind one that runs."""
    subject = Batcher(SlowModel(seconds=1.0), Batching(max_rows=2))
    for number in range(2):
        await subject.submit(kind, Ask([number]), call())
    for number in range(11):
        subject.submit(kind, Ask([number]), call(client=client))
        await turns()
    return subject


def test_a_request_that_would_be_late_is_refused_at_once_with_a_time_to_retry() -> None:
    async def main(loop: VirtualLoop) -> None:
        subject = await overloaded(loop, "a")
        before = subject.queued_rows
        refusal = subject.submit(kind, Ask([11]), call(loop.time() + 3.0, client="a")).exception()
        assert isinstance(refusal, Overloaded)
        assert str(refusal) == "10 rows go before this request and take about 5.5 s; its deadline is in 3 s"
        assert refusal.retry_after == 4
        assert subject.queued_rows == before
        assert await subject.submit(kind, Ask([11]), call(loop.time() + 8.0, client="a")) == [22]
        await subject.close()

    run(main)


def test_the_queue_of_one_client_does_not_refuse_another_whose_turn_comes_soon() -> None:
    async def main(loop: VirtualLoop) -> None:
        subject = await overloaded(loop, "a")
        assert await subject.submit(kind, Ask([11]), call(loop.time() + 3.0, client="b")) == [22]
        await subject.close()

    run(main)


def test_cancelled_requests_refuse_nobody() -> None:
    async def main(loop: VirtualLoop) -> None:
        subject = Batcher(SlowModel(seconds=1.0), Batching(max_rows=2))
        for number in range(2):
            await subject.submit(kind, Ask([number]), call())
        answers = [subject.submit(kind, Ask([number]), call()) for number in range(11)]
        await turns()
        for answer in answers[2:]:
            answer.cancel()
        assert await subject.submit(kind, Ask([11]), call(loop.time() + 3.0)) == [22]
        await subject.close()

    run(main)


def test_a_flood_of_one_client_does_not_starve_another() -> None:
    async def main(loop: VirtualLoop) -> None:
        model = SlowModel(seconds=1.0)
        subject = Batcher(model, Batching(max_rows=16, max_queue_rows=64))
        flood = [subject.submit(kind, Ask([n]), call(client="a")) for n in range(200)]
        await turns()
        for number in range(1000, 1020):
            before = len(model.batches)
            answer = subject.submit(kind, Ask([number]), call(client="b"))
            flood += [subject.submit(kind, Ask([n]), call(client="a")) for n in range(20)]
            assert await answer == [2 * number]
            assert number in model.runs[before]
            assert len(model.runs[before]) == 16
        await subject.close()
        refused = await asyncio.gather(*flood, return_exceptions=True)
        assert {type(answer) for answer in refused} == {list, Overloaded}

    run(main)


def test_the_most_urgent_goes_first_and_nothing_waits_for_ever() -> None:
    async def main(loop: VirtualLoop) -> None:
        model = SlowModel(seconds=1.0)
        subject = Batcher(model, Batching(max_rows=2))
        patient = [subject.submit(kind, Ask([n], key), call(urgency=7)) for n, key in ((1, ""), (2, "other"))]
        urgent = []
        for turn in range(40):
            urgent += [subject.submit(kind, Ask([100 + turn]), call(urgency=0)) for _ in range(3)]
            await asyncio.sleep(0.9999)
        assert all(answer.done() for answer in patient)
        assert 6 <= next(n for n, numbers in enumerate(model.runs) if 1 in numbers) < 16
        assert model.runs[0] == [100, 100]
        await subject.close()
        await asyncio.gather(*urgent)

    run(main)


def test_a_batch_may_wait_for_more() -> None:
    async def main(loop: VirtualLoop) -> None:
        model, seen = Model(), Seen()
        subject = Batcher(model, Batching(max_rows=4, max_wait_ms=100), seen)
        start = loop.time()
        assert await subject.submit(kind, Ask([0]), call()) == [0]
        assert loop.time() == pytest.approx(start + 0.1)
        answers = []
        for number in range(4):
            answers.append(subject.submit(kind, Ask([number]), call()))
            if number:
                answers.append(subject.submit(kind, Ask([number], "other"), call()))
            await asyncio.sleep(0.01)
        assert model.runs[1:] == [[0, 1, 2, 3]]
        await asyncio.gather(*answers)
        assert model.runs[2:] == [[1, 2, 3]]
        assert loop.time() == pytest.approx(start + 0.21)
        assert seen.waits == pytest.approx([0.1, 0.03, 0.1])

    run(main)


def test_a_batch_that_waits_starts_when_it_is_unloaded() -> None:
    async def main(loop: VirtualLoop) -> None:
        subject = Batcher(Model(), Batching(max_wait_ms=1000))
        start = loop.time()
        answer = subject.submit(kind, Ask([1]), call())
        await turns()
        await subject.close()
        assert answer.result() == [2]
        assert loop.time() == start

    run(main)


def test_a_closed_batcher_finishes_refuses_and_releases_once() -> None:
    async def main(loop: VirtualLoop) -> None:
        released: list[int] = []
        model = SlowModel([13], seconds=1.0)

        async def release() -> None:
            await asyncio.sleep(0.5)
            released.append(len(model.batches))

        subject = Batcher(model, Batching(max_rows=4), concurrency=2, release=release)
        answers = [subject.submit(kind, ask, call()) for ask in each(range(20))]
        closing = [asyncio.create_task(subject.close()) for _ in range(2)]
        await turns()
        closing[0].cancel()
        refusal = subject.submit(kind, Ask([1]), call()).exception()
        assert isinstance(refusal, NotReady)
        assert "send the request again" in str(refusal)
        await closing[1]
        done = [answer.exception() or answer.result() for answer in answers]
        assert isinstance(done.pop(13), BackendFailed)
        assert done == [[2 * n] for n in range(20) if n != 13]
        await subject.close()
        assert released == [len(model.batches)]

    run(main)


def test_an_idle_batcher_is_released_at_once() -> None:
    async def main(loop: VirtualLoop) -> None:
        released: list[int] = []
        seen = Seen()
        subject = Batcher(Model(), Batching(), seen, release=lambda: released.append(1))
        await asyncio.gather(subject.close(), subject.close())
        assert released == [1]
        await subject.close()
        assert seen.ended == 1

    run(main)


def test_a_run_that_hangs_does_not_keep_a_batcher_from_closing() -> None:
    async def main(loop: VirtualLoop) -> None:
        released: list[float] = []
        model = SlowModel()
        subject = Batcher(model, Batching(max_rows=2), release=lambda: released.append(loop.time()))
        start = loop.time()
        answers = [subject.submit(kind, Ask([n]), call(start + 1 + n)) for n in range(4)]
        answers[3].cancel()
        await turns()
        await subject.close()
        assert released == [pytest.approx(start + 3, abs=0.01)]
        await turns()
        assert model.flights == []
        assert [type(answer.exception()) for answer in answers[:3]] == [DeadlineExceeded] * 3

    run(main)


def test_late_halves_behind_a_run_that_hangs_do_not_keep_a_batcher_from_closing() -> None:
    async def main(loop: VirtualLoop) -> None:
        model = SlowModel([1])
        subject = Batcher(model, Batching())
        start = loop.time()
        answers = [subject.submit(kind, Ask([n]), call(start + 1)) for n in range(4)]
        await turns()
        model.flights[0].set_result(None)
        await turns()
        assert len(model.batches) == 2
        await subject.close()
        assert loop.time() == pytest.approx(start + 1, abs=0.01)
        assert [type(answer.exception()) for answer in answers] == [DeadlineExceeded] * 4

    run(main)


def test_the_observer_is_called() -> None:
    async def main(loop: VirtualLoop) -> None:
        seen = Seen()
        model = SlowModel([3], seconds=1.0)
        subject = Batcher(model, Batching(max_rows=4), seen)
        answers = [subject.submit(kind, Ask([n, n]), call()) for n in range(4)]
        await asyncio.gather(*answers, return_exceptions=True)
        assert seen.batches == [(rows, pytest.approx(1.0)) for rows in (4, 4, 2, 2)]
        assert seen.waits == pytest.approx([0.0, 1.0])
        assert seen.queue == [4, 0, 0, 0]
        late = subject.submit(kind, Ask([5]), call())
        await turns()
        subject.submit(kind, Ask([6]), call())
        assert seen.queue[4:] == [0, 1]
        await late
        await subject.close()

    run(main)


def test_requests_that_failed_are_not_kept() -> None:
    class Rows(list[int]):
        """Can be watched."""

    async def main(loop: VirtualLoop) -> list[weakref.ref[Rows]]:
        sent = [Rows([number]) for number in range(100)]
        subject = Batcher(Model(range(50)), Batching())
        answers = [subject.submit(kind, Ask(rows), call()) for rows in sent]
        await asyncio.gather(*answers, return_exceptions=True)
        return [weakref.ref(rows) for rows in sent]

    kept = run(main)
    gc.collect()
    assert [ref() for ref in kept if ref() is not None] == []


@pytest.mark.parametrize("loop_factory", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_a_model_in_a_thread_on_a_real_loop(loop_factory: Callable[[], asyncio.AbstractEventLoop]) -> None:
    specs = (TensorSpec("x", "FP32", (-1, 2)),)
    tensors = TensorBatches(specs, specs)
    stuck = threading.Event()

    def work_on(payloads: Sequence[Arrays]) -> list[Arrays]:
        inputs = tensors.join(payloads)
        if (inputs["x"] < 0).any():
            raise ValueError("negative")
        if (inputs["x"] == 13).any():
            stuck.wait(30)
        return tensors.split(payloads, {"x": inputs["x"] * 2})

    async def main() -> None:
        loop = asyncio.get_running_loop()
        with ThreadPoolExecutor(1) as pool:
            subject = Batcher(
                lambda _, payloads, __: loop.run_in_executor(pool, work_on, payloads), Batching(max_rows=8)
            )
            sent = [{"x": np.full((1 + n % 11, 2), -1 if n == 7 else n, np.float32)} for n in range(13)]
            answers = [subject.submit(tensors, payload, call()) for payload in sent]
            done = await asyncio.gather(*answers, return_exceptions=True)
            assert isinstance(done[7], BackendFailed)
            for n in {*range(13)} - {7}:
                np.testing.assert_array_equal(done[n]["x"], sent[n]["x"] * 2)
            hangs = subject.submit(tensors, {"x": np.full((1, 2), 13, np.float32)}, call(time.monotonic() + 0.05))
            queued = subject.submit(tensors, sent[0], call(time.monotonic() + 0.05))
            for answer in (hangs, queued):
                with pytest.raises(DeadlineExceeded):
                    await answer
            stuck.set()
            assert (await subject.submit(tensors, sent[1], call()))["x"].tolist() == [[2.0, 2.0]] * 2
            await subject.close()

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(main())


@pytest.mark.parametrize("spread", [0.0, 0.3], ids=["steady", "varying"])
def test_an_overloaded_queue_still_answers_in_time(spread: float) -> None:
    """Half again as much as can be done, each request with time for four runs, which are not equally long."""
    runs = 200
    chance = random.Random(1)

    async def main(loop: VirtualLoop) -> int:
        async def execute(kind: Any, payloads: Sequence[Any], deadline: float) -> list[Any]:
            await asyncio.sleep(0.1 * math.exp(chance.gauss(0, spread)))
            return [payload.numbers for payload in payloads]

        subject = Batcher(execute, Batching(max_rows=4, max_queue_rows=1000))
        sent = []
        for number in range(runs * 6):
            deadline = loop.time() + 0.4
            sent.append(subject.submit(kind, Ask([number]), Call(str(number), deadline)))
            await asyncio.sleep(0.1 / 6)
        done = await asyncio.gather(*sent, return_exceptions=True)
        await subject.close()
        assert all(answer == [number] for number, answer in enumerate(done) if isinstance(answer, list))
        kinds = Counter(type(answer) for answer in done)
        assert set(kinds) <= {list, Overloaded, DeadlineExceeded}
        assert kinds[Overloaded] > (3 if spread else 100) * kinds[DeadlineExceeded]
        return kinds[list]

    assert run(main) > 0.97 * runs * 4 / math.exp(spread**2 / 2)
