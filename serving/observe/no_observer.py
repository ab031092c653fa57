"""The observer where nobody observes."""

from __future__ import annotations

from serving.observe.request_record import RequestRecord

__all__ = ["NoObserver"]


class NoObserver:
    """Does nothing, both as an `Observer` of requests and as a `BatchObserver` of batches."""

    def started(self, door: str) -> None:
        """See `Observer`."""

    def finished(self, record: RequestRecord) -> None:
        """See `Observer`."""

    def batch(self, rows: int, seconds: float, requests: int) -> None:
        """See `BatchObserver`."""

    def queued(self, rows: int) -> None:
        """See `BatchObserver`."""

    def waited(self, oldest: float, total: float, requests: int) -> None:
        """See `BatchObserver`."""

    def rejected(self, reason: str) -> None:
        """See `BatchObserver`."""

    def closed(self) -> None:
        """See `BatchObserver`."""
