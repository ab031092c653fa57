"""What `/metrics` shows, by Prometheus conventions. Every name here is described in docs/metrics.md.

With `PROMETHEUS_MULTIPROC_DIR` set, values of all processes that share the folder are added up at the scrape, so
any replica of a node answers for all of them.
"""

from __future__ import annotations

import os
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Sequence
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

from serving.observe.node import exposition

__all__ = ["Metrics", "VersionMetrics", "observe_many"]

GaugeMode = Literal["livesum", "livemin"]
SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
GATHERED = 256
ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)


class Metrics:
    """All metrics of one process."""

    def __init__(self) -> None:
        version = ("app", "version")
        self._flushes: list[Callable[[], None]] = []
        self._versions: list[VersionMetrics] = []
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
        """The batch observer of one version."""
        made = VersionMetrics(self, app, version)
        self._versions.append(made)
        self.before_render(made.flush)
        return made

    def mean_wait(self) -> float:
        """Seconds that requests waited for their batch, since this was asked last."""
        waits = [made.take_waits() for made in self._versions]
        count = sum(count for count, _ in waits)
        return sum(seconds for _, seconds in waits) / count if count else 0.0

    def before_render(self, flush: Callable[[], None]) -> None:
        """Have `flush` called before every exposition, for values that are gathered elsewhere."""
        self._flushes.append(flush)

    def flush(self) -> None:
        """Bring everything up to date; another process of the node may be the one that is scraped."""
        for flush in self._flushes:
            flush()

    def render(self) -> tuple[bytes, str]:
        """The exposition and its content type."""
        self.flush()
        folder = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
        if not folder:
            return generate_latest(self._registry), CONTENT_TYPE_LATEST
        return exposition(Path(folder)), CONTENT_TYPE_LATEST


class VersionMetrics:
    """`BatchObserver` of one version. Batches are gathered, as there may be thousands a second."""

    def __init__(self, metrics: Metrics, app: str, version: int) -> None:
        labels = (app, str(version))
        self._rows = metrics.batch_rows.labels(*labels)
        self._seconds = metrics.batch_seconds.labels(*labels)
        self._waits_seen = metrics.queue_seconds.labels(*labels)
        self._queue = metrics.queue_rows.labels(*labels)
        self._rejections = {
            reason: metrics.rejections.labels(*labels, reason) for reason in ("overload", "deadline")
        }
        self._batches: list[tuple[int, float]] = []
        self._waits: list[float] = []
        self._queued = 0
        self._waited = (0, 0.0)

    def batch(self, rows: int, seconds: float) -> None:
        """See `BatchObserver`."""
        self._batches.append((rows, seconds))
        if len(self._batches) >= GATHERED:
            self.flush()

    def queued(self, rows: int) -> None:
        """See `BatchObserver`."""
        self._queued = rows

    def waited(self, seconds: float) -> None:
        """See `BatchObserver`."""
        self._waits.append(seconds)
        if len(self._waits) >= GATHERED:
            self.flush()

    def rejected(self, reason: str) -> None:
        """See `BatchObserver`."""
        self._rejections[reason].inc()

    def flush(self) -> None:
        """Bring the metrics up to date."""
        batches, self._batches = self._batches, []
        waits, self._waits = self._waits, []
        self._queue.set(self._queued)
        observe_many(self._rows, [rows for rows, _ in batches])
        observe_many(self._seconds, [seconds for _, seconds in batches])
        observe_many(self._waits_seen, waits)
        self._waited = (self._waited[0] + len(waits), self._waited[1] + sum(waits))

    def take_waits(self) -> tuple[int, float]:
        """How many batches started since this was asked last, and the seconds their oldest requests had waited."""
        self.flush()
        taken, self._waited = self._waited, (0, 0.0)
        return taken


def observe_many(histogram: Histogram, values: Sequence[float]) -> None:
    """`observe` for many values at once. prometheus_client has no such call, and one per value is too dear."""
    if not values:
        return
    bounds, counts = histogram._upper_bounds, defaultdict[int, int](int)
    for value in values:
        counts[bisect_left(bounds, value)] += 1
    for index, count in counts.items():
        histogram._buckets[index].inc(count)
    histogram._sum.inc(sum(values))
