"""The interface to what runs a version: how requests become batches, and what runs the batches."""

from __future__ import annotations

from asyncio import Future
from collections.abc import Hashable, Sequence
from typing import Any, Protocol

from serving.kernel.call import Call
from serving.kernel.errors import Invalid, RowsRejected
from serving.kernel.tensors import Arrays

__all__ = ["Backend", "BatchKind"]


class BatchKind(Protocol):
    """How requests of one kind are joined to a batch, and how the batch's outputs become their results.

    There are two kinds: tensors of the v2 doors, and an app's typed questions. All methods are pure and may run in
    any thread.
    """

    runs_app_code: bool
    """Whether `join` and `split` call an app's own functions, which may take longer than the model."""

    def rows(self, payload: Any) -> int:
        """The number of rows of one request. Raises `BackendFailed` if its arrays disagree."""
        ...

    def batch_key(self, payload: Any) -> Hashable:
        """Requests with equal keys may share a batch."""
        ...

    def join(self, payloads: Sequence[Any]) -> Arrays:
        """The model inputs of one batch. Raises `Invalid` if a request turns out to be wrong."""
        ...

    def split(self, payloads: Sequence[Any], outputs: Arrays) -> list[Any]:
        """One result per request, in order. Raises `BackendFailed` if the number of rows is wrong."""
        ...

    def cut(self, payload: Any, rows: int) -> list[Any]:
        """The request in parts of at most `rows` rows, in order."""
        ...

    def merge(self, results: Sequence[Any]) -> Any:
        """The result of a request from the results of its parts. Raises `BackendFailed` if they do not fit."""
        ...

    def shifted(self, error: Exception, rows: int) -> Exception:
        """The error of one part of a batch as that of the whole batch; `rows` rows are before the part."""
        ...

    def blame(self, error: Exception, payloads: Sequence[Any]) -> tuple[int, Exception] | None:
        """The index of the request that caused `error`, and the error as that request's own; None if unknown."""
        ...

    def refused(self, error: RowsRejected, payload: Any) -> Invalid | None:
        """The caller's error for a request that the model refuses; None if its values are not the caller's."""
        ...


class Backend(Protocol):
    """What runs one version behind a batcher: ONNX Runtime in this process, a Ray Serve replica, or Triton."""

    def submit(self, kind: BatchKind, payload: Any, call: Call) -> Future[Any]:
        """Put one request in the queue; the future gets the result that `kind` makes of it.

        Never raises: the future carries `Overloaded`, `DeadlineExceeded`, `NotReady`, `Unavailable`, `Invalid` or
        `BackendFailed`. Cancelling the future takes the request out of the queue.
        """
        ...

    def available(self) -> bool:
        """Whether a request would be run now, as far as is known; a backend that is away may come back."""
        ...

    async def close(self) -> None:
        """Finish the queued requests, refuse new ones and release the model; calling it twice is allowed."""
        ...
