from __future__ import annotations

from serving.observe.metrics import Metrics
from serving.observe.request_record import RequestRecord
from serving.observe.requests import RequestEvents
from serving.observe.statistics import Duration
from serving.observe.versions import VersionEvents

INFER = "/v2/models/{model}/infer"


def record(route: str = INFER, version: int = 3, status: int = 200, rows: int = 2) -> RequestRecord:
    return RequestRecord("r1", "v2", "POST", route, "price", version, status, 0.002, rows, "", "", 1_000.25)


def events() -> tuple[Metrics, RequestEvents]:
    metrics = Metrics()
    return metrics, RequestEvents(metrics, lambda lines: None)


def finish(metrics: Metrics, made: RequestEvents, *records: RequestRecord) -> None:
    made._timed = True  # there is no loop here
    for one in records:
        made.started(one.door)
        made.finished(one)
    metrics.flush()


def test_requests_are_counted_by_their_outcome() -> None:
    metrics, made = events()
    seen = metrics.statistics.open("price", 3)
    finish(metrics, made, record(), record(rows=5), record(status=500), record(status=499))
    assert (seen.success.count, seen.rows, seen.fail.count) == (2, 7, 2)
    assert seen.last == 1_000.25
    assert abs(seen.success.seconds - 0.004) < 1e-9


def test_what_runs_no_model_or_is_no_loaded_version_is_not_counted() -> None:
    metrics, made = events()
    seen = metrics.statistics.open("price", 3)
    others = [record(version=0), record(version=99), record("/v1/models/{model}:explain"), record("/v2/models")]
    finish(metrics, made, *others)
    assert seen.success.count == seen.fail.count == 0
    assert metrics.statistics.find("price", 99) is None, "callers can ask for any number"
    finish(metrics, made, *(record(f"/x{end}") for end in (":predict", "/infer", "/ModelInfer")))
    assert seen.success.count == 3


def test_batches_and_waits_are_counted_for_each_request() -> None:
    metrics = Metrics()
    version = metrics.version("price", 3)
    version.waited(0.5, 0.75, 3)
    version.batch(12, 0.1, 3)
    version.batch(12, 0.3, 1)
    version.batch(1, 0.2, 1)
    metrics.flush()
    seen = metrics.statistics.open("price", 3)
    assert seen.queue == Duration(3, 0.75)
    assert seen.batches == 3 and seen.compute.count == 5
    assert abs(seen.compute.seconds - 0.8) < 1e-9
    assert {rows: size.count for rows, size in seen.sizes.items()} == {12: 2, 1: 1}


def test_the_golden_rows_of_loading_are_no_requests() -> None:
    metrics = Metrics()
    version = metrics.version("price", 3)
    version.batch(8, 0.1, 1)
    version.waited(0.1, 0.1, 1)
    VersionEvents(metrics).loaded("price", 3)
    seen = metrics.statistics.open("price", 3)
    assert seen.batches == seen.queue.count == seen.compute.count == 0
    version.batch(8, 0.1, 1)
    metrics.flush()
    assert seen.batches == 1
