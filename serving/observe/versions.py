"""Logs when versions are loaded, refused and unloaded, and sets their gauges."""

from __future__ import annotations

import logging

from serving.observe.logs import fields
from serving.observe.metrics import Metrics

__all__ = ["VersionEvents"]

log = logging.getLogger("serving.versions")


class VersionEvents:
    """The `CatalogObserver` that logs and counts what happens to versions."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def loaded(self, app: str, version: int) -> None:
        """See `CatalogObserver`."""
        # What was collected until now are the golden rows, which nobody asked for.
        self._metrics.flush()
        self._metrics.statistics.restart(app, version)
        self._metrics.version_ready.labels(app, str(version)).set(1)
        log.info("version is verified and ready", extra=fields(app=app, version=version))

    def refused(self, app: str, version: int, reason: str) -> None:
        """See `CatalogObserver`."""
        self._metrics.version_ready.labels(app, str(version)).set(0)
        log.error("version is refused", extra=fields(app=app, version=version, reason=reason))

    def waiting(self, app: str, version: int, reason: str) -> None:
        """See `CatalogObserver`."""
        self._metrics.version_ready.labels(app, str(version)).set(0)
        log.warning("version is not ready yet", extra=fields(app=app, version=version, reason=reason))

    def unloaded(self, app: str, version: int) -> None:
        """See `CatalogObserver`."""
        self._metrics.version_ready.labels(app, str(version)).set(0)
        log.info("version is unloaded", extra=fields(app=app, version=version))

    def champion(self, app: str, version: int) -> None:
        """See `CatalogObserver`."""
        self._metrics.champion.labels(app).set(version)
        log.info("version is champion", extra=fields(app=app, version=version))
