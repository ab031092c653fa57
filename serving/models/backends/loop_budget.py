"""Which batches run on the event loop: those that block it only for a moment, all that they do counted.

A batch costs the model's time, measured when it was opened, and that of the app's own code, measured as it runs.
Where the app's code is what takes long, a thread would not help, because it would hold the interpreter's lock: the
batch then runs on the loop in slices, and everything else gets its turn between two of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from time import perf_counter
from typing import Any

from serving.kernel.backend import BatchKind
from serving.kernel.tensors import Arrays
from serving.models.batching.batcher import Execute

__all__ = ["INLINE_BUDGET", "INLINE_MOST", "INLINE_SHARE", "Cost", "on_the_loop"]

INLINE_BUDGET = 2.5e-4
"""The most seconds for which a batch may block the event loop. A thread costs about a tenth of that, more at
concurrency 1; a longer batch would make other requests wait."""
INLINE_SHARE, INLINE_MOST = 2.5e-5, 2e-3
"""Seconds per request of a batch for which it may also block the loop, and the limit for all of them. The loop
spends more on each request anyway, and a thread would compete with it for the interpreter's lock."""
WEIGHT = 0.25
"""Of the newest measurement of the app's own code, beside the ones before."""

Cost = Callable[[int], float]
"""The number of rows of a batch to the seconds that the model takes on one core."""
RunModel = Callable[[Arrays, None], Arrays]


class _OwnTime:
    """Seconds per row that an app's features and decisions take."""

    def __init__(self) -> None:
        self.each = 0.0
        self._warm = False

    def add(self, rows: int, seconds: float) -> None:
        # The first call imports and allocates.
        if self._warm:
            new = seconds / max(1, rows)
            self.each = self.each + WEIGHT * (new - self.each) if self.each else new
        self._warm = True


def on_the_loop(run: RunModel, cost: Cost, threaded: Execute | None = None) -> Execute:
    """Run batches on the loop where they fit its budget, at once or in slices, and others by `threaded`."""
    own = _OwnTime()

    def whole(kind: BatchKind, payloads: Sequence[Any], rows: int) -> list[Any]:
        if not kind.runs_app_code:
            return kind.split(payloads, run(kind.join(payloads), None))
        began = perf_counter()
        inputs = kind.join(payloads)
        joined = perf_counter()
        outputs = run(inputs, None)
        ran = perf_counter()
        results = kind.split(payloads, outputs)
        own.add(rows, joined - began + perf_counter() - ran)
        return results

    async def sliced(kind: BatchKind, payloads: Sequence[Any], most: int) -> list[Any]:
        results: list[Any] = []
        done = 0
        for batches in _slices(kind, payloads, most):
            parts: list[Any] = []
            for batch in batches:
                rows = sum(map(kind.rows, batch))
                try:
                    parts += whole(kind, batch, rows)
                except Exception as error:
                    raise kind.shifted(error, done) from error
                done += rows
                await asyncio.sleep(0)
            results += parts if len(batches) == 1 else [kind.merge(parts)]
        return results

    def execute(kind: BatchKind, payloads: Sequence[Any], deadline: float) -> list[Any] | Awaitable[list[Any]]:
        rows = sum(map(kind.rows, payloads))
        seconds = cost(rows)
        allowed = max(INLINE_BUDGET, min(INLINE_MOST, INLINE_SHARE * len(payloads)))
        mine = own.each * rows if kind.runs_app_code else 0.0
        if threaded is not None and seconds > allowed:
            return threaded(kind, payloads, deadline)
        if seconds + mine <= allowed or rows <= 1:
            return whole(kind, payloads, rows)
        return sliced(kind, payloads, max(1, int(rows * allowed / (seconds + mine))))

    return execute


def _slices(kind: BatchKind, payloads: Sequence[Any], most: int) -> Iterator[list[Sequence[Any]]]:
    """Lists of batches of at most `most` rows: one of several requests, or those that one request is cut into."""
    together: list[Any] = []
    rows = 0
    for payload in payloads:
        size = kind.rows(payload)
        if together and rows + size > most:
            yield [together]
            together, rows = [], 0
        if size > most:
            yield [[part] for part in kind.cut(payload, most)]
        else:
            together, rows = [*together, payload], rows + size
    if together:
        yield [together]
