"""Microseconds that the batcher adds to a request, with a model that does nothing, on uvloop."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import numpy as np
import uvloop

from control.console import print_table
from serving.kernel.app_values import Batching
from serving.kernel.call import Call
from serving.kernel.tensors import Arrays, TensorSpec
from serving.models.batching.batch_kinds import TensorBatches
from serving.models.batching.batcher import Batcher

REQUESTS = 6400
ROUNDS = 15
PER_TURN = (1, 16, 64)
WIDTH = 50
Send = Callable[[int], Awaitable[Any]]


class Nothing(TensorBatches):
    """Requests have one row and are neither joined nor split, so that only the cost of the batcher is left."""

    def rows(self, payload: Any) -> int:
        """One."""
        return 1

    def batch_key(self, payload: Any) -> None:
        """All alike."""


def main() -> None:
    """Print the table."""
    rows = uvloop.run(_measure())
    columns = ("requests a turn", "batcher: median us each", "best", "and tensors: median us each", "best")
    print_table(columns, rows, "batcher (one row each; what the loop and bare futures take is taken off)")


async def _measure() -> list[tuple[str, ...]]:
    specs = (TensorSpec("x", "FP32", (-1, WIDTH)),)
    row = {"x": np.zeros((1, WIDTH), np.float32)}
    ways = (_bare, _through(Nothing(specs, specs), row), _through(TensorBatches(specs, specs), row))
    rows = []
    for count in PER_TURN:
        times: list[list[float]] = [[], [], []]
        for _ in range(ROUNDS):
            # Interleaved, so that what else the machine does falls on all alike.
            for way, found in zip(ways, times, strict=True):
                found.append(await _seconds(way, count) * 1e6)
        bare, alone, tensors = times
        cells = []
        for found in (alone, tensors):
            cells += [f"{statistics.median(found) - statistics.median(bare):.2f}", f"{min(found) - min(bare):.2f}"]
        rows.append((str(count), *cells))
    return rows


def _through(kind: TensorBatches, row: Arrays) -> Send:
    call = Call("benchmark", time.monotonic() + 3600)

    def execute(kind: Any, payloads: Sequence[Any], deadline: float) -> list[Any]:
        if isinstance(kind, Nothing):
            return list(payloads)
        results: list[Any] = kind.split(payloads, kind.join(payloads))
        return results

    batcher = Batcher(execute, Batching())
    return lambda count: [batcher.submit(kind, row, call) for _ in range(count)][-1]


async def _bare(count: int) -> None:
    """So many futures that get their results in the loop's next turn."""
    loop = asyncio.get_running_loop()
    answers = [loop.create_future() for _ in range(count)]

    def answer() -> None:
        for future in answers:
            future.set_result(None)

    loop.call_soon(answer)
    await answers[-1]


async def _seconds(send: Send, count: int) -> float:
    """Seconds for each request, `count` of them in each turn of the loop."""
    turns = REQUESTS // count
    started = time.perf_counter()
    for _ in range(turns):
        await send(count)
    return (time.perf_counter() - started) / (turns * count)
