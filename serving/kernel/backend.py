"""The seam to what runs a version: how requests become batches, and who runs them."""

from __future__ import annotations

from asyncio import Future
from collections.abc import Hashable, Sequence
from typing import Any, Protocol

from serving.kernel.call import Call
from serving.kernel.tensors import Arrays

__all__ = ["Backend", "Work"]


class Work(Protocol):
    """How requests of one kind become one batch and its outputs become their answers.

    Two kinds exist: tensors of the v2 doors, and an app's typed questions. All methods are pure and may run in
    any thread.
    """

    def rows(self, payload: Any) -> int:
        """The number of rows of one request. Raises `BackendFailed` where its arrays disagree."""
        ...

    def lane(self, payload: Any) -> Hashable:
        """Requests may share a batch when their lanes are equal."""
        ...

    def join(self, payloads: Sequence[Any]) -> Arrays:
        """One batch of model inputs. Raises `Invalid` when a request turns out to be wrong."""
        ...

    def split(self, payloads: Sequence[Any], outputs: Arrays) -> list[Any]:
        """One result per request, in order. Raises `BackendFailed` when rows are missing or too many."""
        ...

    def cut(self, payload: Any, rows: int) -> list[Any]:
        """Parts of at most `rows` rows each, in order."""
        ...

    def merge(self, results: Sequence[Any]) -> Any:
        """The result of a request from the results of its parts. Raises `BackendFailed` where they do not fit."""
        ...

    def blame(self, error: Exception, payloads: Sequence[Any]) -> tuple[int, Exception] | None:
        """The request that `error` is about and the error in its own terms; None where it cannot be told."""
        ...


class Backend(Protocol):
    """What runs one version: ONNX Runtime in the process, a Serve replica, or Triton, each behind a batcher."""

    def submit(self, work: Work, payload: Any, call: Call) -> Future[Any]:
        """Put one request in the queue; the future gives `work`'s result for it.

        Never raises: the future carries `Overloaded`, `DeadlineExceeded`, `NotReady`, `Unavailable`, `Invalid` or
        `BackendFailed`. Cancelling the future takes the request out of the queue.
        """
        ...

    async def close(self) -> None:
        """Finish what is queued, refuse what comes, release; calling it twice is allowed."""
        ...
