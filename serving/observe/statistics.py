"""Triton's statistics of each version, of this process and since the version was loaded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from serving.observe.request_record import RequestRecord

__all__ = ["Duration", "Statistics", "VersionStatistics"]


@dataclass(slots=True)
class Duration:
    """How often something was done, and the seconds that it took in all."""

    count: int = 0
    seconds: float = 0.0

    def add(self, count: int, seconds: float) -> None:
        """Add `count` times that took `seconds` together."""
        self.count += count
        self.seconds += seconds


@dataclass(slots=True)
class VersionStatistics:
    """One version. A request that is larger than a batch counts once in `queue` and `compute` for each part."""

    last: float = 0.0
    """When the last request ended, in seconds since 1970; 0: there was none."""
    rows: int = 0
    """The rows of all requests that succeeded."""
    success: Duration = field(default_factory=Duration)
    fail: Duration = field(default_factory=Duration)
    """Requests that failed once they had a version."""
    queue: Duration = field(default_factory=Duration)
    """The waits of each request for its batch."""
    compute: Duration = field(default_factory=Duration)
    """The run of its batch, for each request."""
    sizes: dict[int, Duration] = field(default_factory=dict)
    """Batches by their rows. A version has no batch above `max_rows`, so there are few."""

    @property
    def batches(self) -> int:
        """The number of batches that ran, with or without success."""
        return sum(size.count for size in self.sizes.values())

    def add_requests(self, records: Sequence[RequestRecord]) -> None:
        """Count finished requests of one status."""
        succeeded = records[0].status < 400
        outcome = self.success if succeeded else self.fail
        outcome.add(len(records), sum([record.seconds for record in records]))
        self.rows += sum([record.rows for record in records]) if succeeded else 0
        self.last = max(self.last, max([record.ended for record in records]))

    def add_batches(self, batches: Sequence[tuple[int, float, int]]) -> None:
        """Count batches: the rows, the seconds and the number of requests of each."""
        sizes = self.sizes
        for rows, seconds, _ in batches:
            size = sizes.get(rows) or sizes.setdefault(rows, Duration())
            size.count += 1
            size.seconds += seconds
        requests = sum([requests for _, _, requests in batches])
        self.compute.add(requests, sum([seconds * requests for _, seconds, requests in batches]))


class Statistics:
    """Of every version that was opened here."""

    def __init__(self) -> None:
        self._versions: dict[tuple[str, int], VersionStatistics] = {}

    def open(self, app: str, version: int) -> VersionStatistics:
        """The statistics of a version, from now on kept."""
        return self._versions.setdefault((app, version), VersionStatistics())

    def find(self, app: str, version: int) -> VersionStatistics | None:
        """The statistics of a version; None if it was never opened. Callers can ask for any number."""
        return self._versions.get((app, version))

    def forget(self, app: str, version: int) -> None:
        """Drop the statistics of a version that is gone."""
        self._versions.pop((app, version), None)

    def restart(self, app: str, version: int) -> None:
        """Begin again at zero: the version is loaded, and its golden rows were no requests."""
        found = self.find(app, version)
        if found is not None:
            fresh = VersionStatistics()
            for name in VersionStatistics.__slots__:
                setattr(found, name, getattr(fresh, name))
