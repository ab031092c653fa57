from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from serving.kernel.app_values import Batching
from serving.kernel.errors import Invalid
from serving.kernel.tensors import Arrays
from serving.models.backends import onnx_local
from serving.models.backends.onnx_local import INLINE_BUDGET, INLINE_MOST, on_the_loop
from serving.models.batching.batch_kinds import QuestionBatches
from serving.models.batching.batcher import Batcher
from tests.serving import toy
from tests.serving.models.models import call

SLOW = 0.0004
"""Seconds that the app takes for a question: nearly twice what a batch may block the loop for."""


class Clock:
    """Advances only while the app works, so that what is measured does not depend on the machine."""

    def __init__(self) -> None:
        self.now = 0.0
        self.longest = 0.0

    def __call__(self) -> float:
        return self.now


def slow_kind(clock: Clock, seconds: float, batches: list[int]) -> QuestionBatches:
    def features(questions: Sequence[Any], context: Any) -> Arrays:
        batches.append(len(questions))
        clock.now += seconds * len(questions)
        for index, question in enumerate(questions):
            if question.a < 0:
                raise Invalid(f"[{index}].a", "must not be negative")
        return toy.features(questions, context)

    return QuestionBatches(replace(toy.app, features=features), toy.Context())


def run(inputs: Arrays, options: None) -> Arrays:
    return {"total": inputs["features"].sum(axis=1, keepdims=True)}


def asked(
    monkeypatch: pytest.MonkeyPatch,
    seconds: float,
    groups: Sequence[Sequence[Sequence[float]]],
    max_rows: int = 256,
) -> tuple[list[Any], list[int]]:
    """Groups of requests sent together, each a list of questions; their answers and the sizes of the batches."""
    clock, batches = Clock(), list[int]()
    monkeypatch.setattr(onnx_local, "perf_counter", clock)
    kind = slow_kind(clock, seconds, batches)
    answers: list[Any] = []

    async def main() -> None:
        batcher = Batcher(on_the_loop(run, lambda rows: 0.0), Batching(max_rows=max_rows))
        for group in groups:
            sent = [batcher.submit(kind, [toy.Question(a, 1.0) for a in request], call()) for request in group]
            answers.extend(await asyncio.gather(*sent, return_exceptions=True))
        await batcher.close()

    asyncio.run(main())
    return answers, batches


WARM: list[list[list[float]]] = [[[0.0]], [[0.0]]]


def test_an_app_that_is_slow_runs_in_slices_that_fit_the_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    answers, batches = asked(monkeypatch, SLOW, [*WARM, [[float(i)] for i in range(64)]])
    assert [answer[0].total for answer in answers[2:]] == [i + 1.0 for i in range(64)]
    most = int(INLINE_MOST / SLOW)
    assert 1 < max(batches[2:]) <= most and sum(batches[2:]) == 64


def test_one_large_request_is_cut_into_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    answers, batches = asked(monkeypatch, INLINE_BUDGET / 10, [*WARM, [[float(i) for i in range(64)]]])
    assert [one.total for one in answers[-1]] == [i + 1.0 for i in range(64)]
    assert 1 < max(batches[2:]) <= 10 and sum(batches[2:]) == 64


def test_an_app_that_is_quick_runs_in_one_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    _, batches = asked(monkeypatch, 1e-6, [*WARM, [[float(i)] for i in range(64)]])
    assert batches == [1, 1, 64]


def test_everything_else_has_its_turn_between_two_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, batches = Clock(), list[int]()
    monkeypatch.setattr(onnx_local, "perf_counter", clock)
    kind = slow_kind(clock, SLOW, batches)

    async def main() -> int:
        execute = on_the_loop(run, lambda rows: 0.0)
        payloads = [[toy.Question(float(i))] for i in range(40)]
        for _ in range(2):
            execute(kind, payloads[:1], time.monotonic() + 60)
        turns = 0
        running = execute(kind, payloads, time.monotonic() + 60)
        assert not isinstance(running, list)
        task = asyncio.ensure_future(running)
        while not task.done():
            turns += 1
            await asyncio.sleep(0)
        return turns

    assert asyncio.run(main()) >= len(batches[2:]) > 1


@pytest.mark.parametrize("bad", [0, 1, 17, 39])
def test_only_the_request_with_the_wrong_question_fails(monkeypatch: pytest.MonkeyPatch, bad: int) -> None:
    """Whatever slice it is in, alone or among the questions of one request."""
    values = [float(i) for i in range(40)]
    values[bad] = -1.0
    answers, _ = asked(monkeypatch, SLOW, [*WARM, [[value] for value in values], [values, [1.0]]])
    singles, (large, small) = answers[2:42], answers[42:]
    wrong = singles.pop(bad)
    assert isinstance(wrong, Invalid) and wrong.field == "[0].a"
    assert all(isinstance(answer, list) for answer in singles)
    assert isinstance(large, Invalid) and large.field == f"[{bad}].a"
    assert small[0].total == 2.0


def test_a_large_request_that_the_batcher_cuts_is_named_by_its_own_index(monkeypatch: pytest.MonkeyPatch) -> None:
    values = [float(i) for i in range(100)]
    values[77] = -1.0
    answers, _ = asked(monkeypatch, SLOW, [*WARM, [values]], max_rows=32)
    assert isinstance(answers[-1], Invalid) and answers[-1].field == "[77].a"


def test_a_model_that_is_slow_goes_to_a_thread_whatever_the_app_takes() -> None:
    threads: list[int] = []

    def threaded(kind: Any, payloads: Sequence[Any], deadline: float) -> list[Any]:
        threads.append(len(payloads))
        return [[] for _ in payloads]

    execute = on_the_loop(run, lambda rows: rows * INLINE_BUDGET * 0.9, threaded)
    kind = QuestionBatches(toy.app, toy.Context())
    execute(kind, [[toy.Question(1.0)]], 0.0)
    execute(kind, [[toy.Question(1.0)]] * 2, 0.0)
    assert threads == [2]
    assert np.isfinite(INLINE_BUDGET)
