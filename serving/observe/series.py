"""Which versions have series in `/metrics`: those that are loaded, and the last ones that were."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable

from prometheus_client import CollectorRegistry
from prometheus_client.metrics import MetricWrapperBase

__all__ = ["KEPT", "SeriesOfVersions", "drop_series"]

KEPT = 64
"""Versions that are gone and keep their series, so that Prometheus reads their last values."""

Version = tuple[str, int]


class SeriesOfVersions:
    """Forgets the versions that have been gone the longest."""

    def __init__(self, forget: Callable[[str, int | None], None]) -> None:
        """`forget` gets an app and a version; without one the app, which has none any more."""
        self._forget = forget
        self._open: Counter[Version] = Counter()
        """Observers of each version: one that is loaded again has two until the first has ended."""
        self._gone: OrderedDict[Version, None] = OrderedDict()

    def begin(self, app: str, version: int) -> None:
        """An observer of this version begins."""
        self._open[app, version] += 1
        self._gone.pop((app, version), None)

    def end(self, app: str, version: int) -> None:
        """An observer of this version ends."""
        self._open[app, version] -= 1
        if self._open[app, version] > 0:
            return
        del self._open[app, version]
        self._gone[app, version] = None
        while len(self._gone) > KEPT:
            (old, number), _ = self._gone.popitem(last=False)
            self._forget(old, number)
            if not any(name == old for name, _ in (*self._open, *self._gone)):
                self._forget(old, None)


def drop_series(registry: CollectorRegistry, app: str, version: int | None) -> None:
    """Drop the series of a version in this process; without one, those of the app that name no version.

    `remove_by_labels` of prometheus_client warns where processes share their values in files.
    """
    wanted = {"app": app, "version": "" if version is None else str(version)}
    for metric in list(registry._collector_to_names):
        if not isinstance(metric, MetricWrapperBase):
            continue
        names = metric._labelnames
        if "app" not in names or not (version is None or "version" in names):
            continue
        places = [(names.index(name), value) for name, value in wanted.items() if name in names]
        with metric._lock:
            for key in [key for key in metric._metrics if all(key[at] == value for at, value in places)]:
                del metric._metrics[key]
