from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from serving.edge.request_life import RequestFactory
from serving.kernel.app_values import Batching
from serving.kernel.settings import Settings
from serving.models.batching.batcher import Batcher, BatchObserver
from serving.observe.no_observer import NoObserver
from serving.observe.request_record import Observer


def test_it_takes_the_events_of_requests_and_of_batches() -> None:
    requests: Observer = NoObserver()
    batches: BatchObserver = NoObserver()
    life = RequestFactory(Settings(), requests).http("GET", {}, "v1", "", {})
    life.end(200)
    batches.batch(1, 0.1, 1)
    batches.queued(1)
    batches.waited(0.1, 0.1, 1)
    batches.rejected("overload")
    assert life.ended


def test_it_is_what_a_batcher_has_without_an_observer() -> None:
    async def run(*_: Any) -> Sequence[Any]:
        return []

    assert isinstance(Batcher(run, Batching())._observer, NoObserver)  # type: ignore[arg-type]
