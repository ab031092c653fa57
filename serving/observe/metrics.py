"""The metrics of `/metrics`, by Prometheus conventions; docs/metrics.md describes each of them.

With `PROMETHEUS_MULTIPROC_DIR` set, a scrape adds up the values of all processes that share this folder, so any
replica of a node can answer for all of them.
"""

from __future__ import annotations

import asyncio
import os
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Literal

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)

from serving.observe.metric_files import install
from serving.observe.node import exposition
from serving.observe.series import SeriesOfVersions, drop_series
from serving.observe.statistics import Statistics

__all__ = ["Metrics", "VersionMetrics", "observe_many"]

GaugeMode = Literal["livesum", "livemin"]
SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
GATHERED = 4096
"""The most batches that are kept for the next flush, which 256 requests cause at the latest."""
SLICE = 16
"""Versions whose metrics are updated in one turn of the loop: about a quarter of a millisecond."""
install()
ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)


class Metrics:
    """The metrics of one process."""

    def __init__(self) -> None:
        version = ("app", "version")
        self._flushes: list[Callable[[], None]] = []
        self._series = SeriesOfVersions(self._forget)
        self._left: Iterator[Callable[[], None]] | None = None
        """What `flush_in_turns` has not called yet; None: it is not at work."""
        self._versions: list[VersionMetrics] = []
        self._forgotten: list[Callable[[], None]] = []
        self.statistics = Statistics()
        self._registry = CollectorRegistry()
        self.requests = Counter(
            "slipway_requests",
            "Requests answered.",
            ("door", "route", *version, "status"),
            registry=self._registry,
        )
        self.seconds = self._histogram(
            "slipway_request_duration_seconds", "Seconds to the answer.", ("door", "route", "app"), SECONDS
        )
        self.in_flight = self._gauge("slipway_requests_in_flight", "Requests being answered.", ("door",))
        self.batch_rows = self._histogram("slipway_batch_rows", "Rows in one batch.", version, ROWS)
        self.batch_seconds = self._histogram(
            "slipway_batch_duration_seconds", "Seconds one batch ran.", version, SECONDS
        )
        self.queue_seconds = self._histogram(
            "slipway_queue_duration_seconds",
            "Seconds the oldest request of a batch had waited when it started.",
            version,
            SECONDS,
        )
        self.queue_rows = self._gauge("slipway_queue_rows", "Rows waiting for a batch.", version)
        self.rejections = Counter(
            "slipway_rejections",
            "Requests dropped before they ran: overload or deadline.",
            (*version, "reason"),
            registry=self._registry,
        )
        self.version_ready = self._gauge(
            "slipway_version_ready", "1: verified and loaded, 0: refused or waiting.", version, "livemin"
        )
        self.champion = self._gauge(
            "slipway_champion_version", "Answers when no version is asked for.", ("app",), "livemin"
        )

    def _histogram(self, name: str, text: str, labels: Sequence[str], buckets: Sequence[float]) -> Histogram:
        return Histogram(name, text, labels, buckets=buckets, registry=self._registry)

    def _gauge(self, name: str, text: str, labels: Sequence[str], mode: GaugeMode = "livesum") -> Gauge:
        return Gauge(name, text, labels, registry=self._registry, multiprocess_mode=mode)

    def version(self, app: str, version: int) -> VersionMetrics:
        """The `BatchObserver` of one version, until it is closed."""
        self._series.begin(app, version)
        made = VersionMetrics(self, app, version)
        self._versions.append(made)
        return made

    def end(self, observer: VersionMetrics) -> None:
        """Keep the series of an observer that is closed for a while, and nothing else of it."""
        self._versions.remove(observer)
        self._series.end(observer.app, observer.number)

    def mean_wait(self) -> float:
        """The mean seconds that requests waited for their batch, since the last call."""
        waits = [made.take_waits() for made in self._versions]
        count = sum(count for count, _ in waits)
        return sum(seconds for _, seconds in waits) / count if count else 0.0

    def before_render(self, flush: Callable[[], None]) -> None:
        """Call `flush` before every exposition, for values that are collected elsewhere."""
        self._flushes.append(flush)

    def flush(self) -> None:
        """Update all metrics; the scrape may be answered by another process of the node."""
        for flush in self._all():
            flush()

    def _all(self) -> list[Callable[[], None]]:
        return [*self._flushes, *(version.flush for version in self._versions)]

    def _forget(self, app: str, version: int | None) -> None:
        """Drop the series of a version, or of an app without one. Files that processes share keep the values."""
        drop_series(self._registry, app, version)
        if version is not None:
            self.statistics.forget(app, version)
        for forgotten in self._forgotten:
            forgotten()

    def on_forgotten(self, forgotten: Callable[[], None]) -> None:
        """Call `forgotten` whenever series were dropped, which may be cached elsewhere."""
        self._forgotten.append(forgotten)

    def flush_in_turns(self) -> None:
        """Like `flush`, but the loop gets a turn after some: with many versions, requests would wait too long."""
        if self._left is None:
            self._left = iter(self._all())
            self._flush_some()

    def _flush_some(self) -> None:
        some = list(islice(self._left or (), SLICE))
        for flush in some:
            flush()
        if len(some) == SLICE:
            asyncio.get_running_loop().call_soon(self._flush_some)
        else:
            self._left = None

    def scrape(self) -> Callable[[], tuple[bytes, str]]:
        """Update all metrics; the result makes the exposition text and its content type, in any thread."""
        self.flush()
        folder = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
        if not folder:
            return lambda: (generate_latest(self._registry), CONTENT_TYPE_LATEST)
        return lambda: (exposition(Path(folder)), CONTENT_TYPE_LATEST)

    def render(self) -> tuple[bytes, str]:
        """The exposition text and its content type."""
        return self.scrape()()


class VersionMetrics:
    """The `BatchObserver` of one version. It collects batches, as there may be thousands per second."""

    def __init__(self, metrics: Metrics, app: str, version: int) -> None:
        self.app, self.number = app, version
        self._metrics = metrics
        self._closed = False
        labels = (app, str(version))
        self._rows = metrics.batch_rows.labels(*labels)
        self._seconds = metrics.batch_seconds.labels(*labels)
        self._waits_seen = metrics.queue_seconds.labels(*labels)
        self._queue = metrics.queue_rows.labels(*labels)
        self._rejections = {
            reason: metrics.rejections.labels(*labels, reason) for reason in ("overload", "deadline")
        }
        self._statistics = metrics.statistics.open(app, version)
        self._batches: list[tuple[int, float, int]] = []
        self._waits: list[float] = []
        self._queued = self._shown = 0
        self._waited = (0, 0.0)
        self._total_wait = 0.0
        self._requests = 0

    def batch(self, rows: int, seconds: float, requests: int) -> None:
        """See `BatchObserver`."""
        self._batches.append((rows, seconds, requests))
        if len(self._batches) >= GATHERED:
            self.flush()

    def queued(self, rows: int) -> None:
        """See `BatchObserver`."""
        self._queued = rows

    def waited(self, oldest: float, total: float, requests: int) -> None:
        """See `BatchObserver`."""
        self._waits.append(oldest)
        self._total_wait += total
        self._requests += requests
        if len(self._waits) >= GATHERED:
            self.flush()

    def rejected(self, reason: str) -> None:
        """See `BatchObserver`."""
        self._rejections[reason].inc()

    def closed(self) -> None:
        """See `BatchObserver`."""
        if not self._closed:
            self._closed = True
            self._queued = 0
            self.flush()
            self._metrics.end(self)

    def flush(self) -> None:
        """Update the metrics with the batches collected so far."""
        if self._queued == self._shown and not self._batches and not self._waits:
            return  # most versions are idle
        self._shown = self._queued
        batches, self._batches = self._batches, []
        waits, self._waits = self._waits, []
        self._queue.set(self._queued)
        observe_many(self._rows, [rows for rows, _, _ in batches])
        observe_many(self._seconds, [seconds for _, seconds, _ in batches])
        self._statistics.add_batches(batches)
        self._statistics.queue.add(self._requests, self._total_wait)
        self._requests, self._total_wait = 0, 0.0
        observe_many(self._waits_seen, waits)
        self._waited = (self._waited[0] + len(waits), self._waited[1] + sum(waits))

    def take_waits(self) -> tuple[int, float]:
        """The number of batches started since the last call, and the summed waits of their oldest requests."""
        self.flush()
        taken, self._waited = self._waited, (0, 0.0)
        return taken


def observe_many(histogram: Histogram, values: Sequence[float]) -> None:
    """`observe` for many values. prometheus_client has no such function, and a call per value is too slow."""
    if not values:
        return
    bounds, counts = histogram._upper_bounds, defaultdict[int, int](int)
    for value in values:
        counts[bisect_left(bounds, value)] += 1
    for index, count in counts.items():
        histogram._buckets[index].inc(count)
    histogram._sum.inc(sum(values))
