"""Counts and logs every finished request, many at a time, so that each costs only a few microseconds."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from functools import lru_cache

import msgspec
from prometheus_client import Counter, Histogram

from serving.observe.metrics import Metrics, observe_many
from serving.observe.request_record import RequestRecord

__all__ = ["RequestEvents"]

log = logging.getLogger("serving.requests")

Key = tuple[str, str, str, int, int]
DOORS = ("v1", "v2", "grpc", "operations")
PROBES = ("/-/healthz", "/metrics", "/v2/health/live", "/v2/health/ready")
ASKS = (":predict", "/infer", "/ModelInfer")
"""Ends of the routes that run a model; `:explain` does not."""
KEPT = 4096
"""The most label sets that are cached; `model` and `route` are names that exist, so there are few."""
GATHERED = 256
DELAY = 0.2
"""Seconds after which fewer records than `GATHERED` are written, too."""
ENCODER = msgspec.json.Encoder()


class RequestLine(msgspec.Struct, gc=False):
    """A line of the request log."""

    time: str
    level: str
    logger: str
    message: str
    request_id: str
    app: str
    version: int
    door: str
    route: str
    status: int
    ms: float
    rows: int
    trace_id: str
    error: str


class RequestEvents:
    """The doors' `Observer`: a counter, a histogram and a log line per request.

    `write` takes whole lines of JSON. Records are collected and written by `flush`, which every scrape calls.
    """

    def __init__(self, metrics: Metrics, write: Callable[[bytes], None]) -> None:
        self._metrics = metrics
        self._write = write
        self._children: dict[Key, tuple[Counter, Histogram]] = {}
        self._running = dict.fromkeys(DOORS, 0)
        self._records: list[RequestRecord] = []
        self._timed = False
        self.seconds = 0.0
        """The total duration of all finished requests."""
        metrics.before_render(self.flush)
        metrics.on_forgotten(self._children.clear)

    @property
    def in_flight(self) -> int:
        """The requests in progress at all doors for inference."""
        return sum(count for door, count in self._running.items() if door != "operations")

    def started(self, door: str) -> None:
        """See `Observer`."""
        self._running[door] += 1
        if not self._timed:
            self._soon()

    def finished(self, record: RequestRecord) -> None:
        """See `Observer`."""
        self._running[record.door] -= 1
        self.seconds += record.seconds
        self._records.append(record)
        if len(self._records) >= GATHERED:
            # All metrics of a few versions in one go: each time makes a request wait.
            self._metrics.flush_in_turns()
        elif not self._timed:
            self._soon()

    def flush(self) -> None:
        """Count and write the collected records."""
        for door, count in self._running.items():
            self._metrics.in_flight.labels(door).set(count)
        self._empty()

    def _soon(self) -> None:
        self._timed = True
        asyncio.get_running_loop().call_later(DELAY, self._on_time)

    def _on_time(self) -> None:
        self._timed = False
        # All metrics: the scrape may be answered by another process of the node.
        self._metrics.flush_in_turns()

    def _empty(self) -> None:
        records, self._records = self._records, []
        if not records:
            return
        groups: dict[Key, tuple[str, list[RequestRecord]]] = {}
        lines = []
        for record in records:
            key = (record.door, record.route, record.model, record.version, record.status)
            group = groups.get(key)
            if group is None:
                group = groups[key] = (_level(record), [])
            level, alike = group
            alike.append(record)
            if level:
                lines.append(_line(record, level))
        for key, (_, alike) in groups.items():
            counter, histogram = self._labelled(key)
            counter.inc(len(alike))
            observe_many(histogram, [record.seconds for record in alike])
            self._add_to_statistics(key, alike)
        if lines:
            self._write(ENCODER.encode_lines(lines))

    def _add_to_statistics(self, key: Key, alike: list[RequestRecord]) -> None:
        _, route, model, version, _ = key
        statistics = self._metrics.statistics.find(model, version)
        if statistics is not None and route.endswith(ASKS):
            statistics.add_requests(alike)

    def _labelled(self, key: Key) -> tuple[Counter, Histogram]:
        """The counter and the histogram of this label set."""
        children = self._children.get(key)
        if children is None:
            door, route, model, version, status = key
            counter = self._metrics.requests.labels(door, route, model, str(version or ""), str(status))
            children = (counter, self._metrics.seconds.labels(door, route, model))
            if len(self._children) < KEPT:
                self._children[key] = children
        return children


def _level(record: RequestRecord) -> str:
    """The log level, empty if its lines are not wanted; probes come every few seconds and would hide all else."""
    if record.route in PROBES:
        level = logging.DEBUG
    else:
        level = logging.INFO if record.status < 500 else logging.ERROR
    return logging.getLevelName(level) if log.isEnabledFor(level) else ""


def _line(record: RequestRecord, level: str) -> RequestLine:
    whole = int(record.ended)
    return RequestLine(
        f"{_second(whole)}.{int((record.ended - whole) * 1e3):03d}Z",
        level,
        log.name,
        "request",
        record.request_id,
        record.model,
        record.version,
        record.door,
        record.route,
        record.status,
        round(record.seconds * 1e3, 3),
        record.rows,
        record.trace_id,
        record.error,
    )


@lru_cache(maxsize=4)
def _second(whole: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole))
