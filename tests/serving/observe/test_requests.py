from __future__ import annotations

import asyncio
import json
import logging
from collections import Counter
from collections.abc import Iterator, Sequence

import pytest
from prometheus_client import Histogram

from serving.observe import metrics as metrics_module
from serving.observe import requests
from serving.observe.metrics import Metrics
from serving.observe.request_record import RequestRecord
from serving.observe.requests import RequestEvents


@pytest.fixture(autouse=True)
def _level() -> Iterator[None]:
    log = logging.getLogger("serving.requests")
    before = log.level
    log.setLevel("INFO")
    yield
    log.setLevel(before)


def record(status: int = 200, error: str = "", route: str = "/route") -> RequestRecord:
    return RequestRecord("r1", "v1", "POST", route, "price", 3, status, 0.002, 1, "t1", error, 1_000_000_000.25)


def test_requests_are_counted_timed_and_logged() -> None:
    metrics = Metrics()
    blocks: list[bytes] = []
    events = RequestEvents(metrics, blocks.append)

    async def work() -> None:
        for _ in range(5):
            events.started("v1")
        for each in (record(), record(), record(503, "Overloaded"), record(route="/metrics")):
            events.finished(each)

    asyncio.run(work())
    assert events.in_flight == 1
    text = metrics.render()[0].decode()
    assert 'slipway_requests_total{app="price",door="v1",route="/route",status="200",version="3"} 2.0' in text
    assert 'status="503"' in text
    assert 'slipway_requests_in_flight{door="v1"} 1.0' in text
    assert 'slipway_request_duration_seconds_count{app="price",door="v1",route="/route"} 3.0' in text
    assert 'slipway_request_duration_seconds_sum{app="price",door="v1",route="/route"} 0.006' in text
    assert 'le="0.001",route="/route"} 0.0' in text
    assert 'le="0.0025",route="/route"} 3.0' in text
    lines = [json.loads(line) for line in b"".join(blocks).splitlines()]
    assert [line["level"] for line in lines] == ["INFO", "INFO", "ERROR"], "probes are left out"
    assert lines[2]["error"] == "Overloaded"
    assert lines[0] == {
        "time": "2001-09-09T01:46:40.250Z",
        "level": "INFO",
        "logger": "serving.requests",
        "message": "request",
        "request_id": "r1",
        "app": "price",
        "version": 3,
        "door": "v1",
        "route": "/route",
        "status": 200,
        "ms": 2.0,
        "rows": 1,
        "trace_id": "t1",
        "error": "",
    }


def test_lines_are_written_without_a_scrape(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests, "DELAY", 0.01)
    blocks: list[bytes] = []
    events = RequestEvents(Metrics(), blocks.append)

    async def work() -> None:
        for count in (1, requests.GATHERED + 1):
            blocks.clear()
            for _ in range(count):
                events.started("v1")
                events.finished(record())
            while sum(block.count(b"\n") for block in blocks) < count:
                await asyncio.sleep(0.005)

    asyncio.run(asyncio.wait_for(work(), 10))


def test_requests_and_their_batches_are_written_at_the_same_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each writing makes the next request wait, so it is done once for many requests."""
    monkeypatch.setattr(requests, "DELAY", 1e6)
    metrics, writings = Metrics(), set[int]()
    events = RequestEvents(metrics, lambda lines: writings.add(index))
    version = metrics.version("price", 3)
    index, observe = -1, metrics_module.observe_many

    def observed(histogram: Histogram, values: Sequence[float]) -> None:
        writings.add(index)
        observe(histogram, values)

    monkeypatch.setattr(metrics_module, "observe_many", observed)

    async def work() -> None:
        nonlocal index
        for _ in range(100):
            version.batch(1, 0.001, 1)
        for number in range(4 * requests.GATHERED):
            index = number
            events.started("v1")
            version.waited(0.001, 0.001, 1)
            version.batch(1, 0.001, 1)
            events.finished(record())

    asyncio.run(work())
    assert sorted(writings) == [255, 511, 767, 1023]
    assert 'slipway_batch_rows_count{app="price",version="3"} 1124.0' in metrics.render()[0].decode()


def test_all_values_are_brought_up_to_date_without_a_scrape(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests, "DELAY", 0.01)
    metrics, flushed = Metrics(), asyncio.Event()
    metrics.before_render(flushed.set)
    events = RequestEvents(metrics, lambda lines: None)

    async def work() -> None:
        events.started("v1")
        events.finished(record())
        await flushed.wait()

    asyncio.run(asyncio.wait_for(work(), 10))


def test_a_request_that_hangs_shows_without_a_scrape(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests, "DELAY", 0.01)
    metrics, shown = Metrics(), Counter[str]()
    events = RequestEvents(metrics, lambda lines: None)
    gauge = metrics.in_flight.labels("v1")
    monkeypatch.setattr(gauge, "set", lambda count: shown.update({str(count): 1}))

    async def work() -> None:
        events.started("v1")
        while not shown["1"]:
            await asyncio.sleep(0.005)

    asyncio.run(asyncio.wait_for(work(), 60))
