"""An event loop whose clock jumps to the next timer instead of waiting for it, and the batcher on that clock."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import pytest

from serving.models.batching import batcher

T = TypeVar("T")


class _Jumping(selectors.DefaultSelector):
    now = 1000.0

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is None:
            raise RuntimeError("nothing will ever happen: somebody waits for an answer that nobody gives")
        self.now += timeout
        return super().select(0)


class VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._jumping = _Jumping()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.now

    def pass_time(self, seconds: float) -> None:
        """What a blocking call does to the clock."""
        self._jumping.now += seconds


def run(main: Callable[[VirtualLoop], Coroutine[Any, Any, T]]) -> T:
    """Run `main` in virtual time. Fails when the loop would report an error that nobody saw."""
    problems: list[dict[str, Any]] = []
    with asyncio.Runner(loop_factory=VirtualLoop) as runner, pytest.MonkeyPatch.context() as patch:
        loop = runner.get_loop()
        assert isinstance(loop, VirtualLoop)
        loop.set_exception_handler(lambda _, context: problems.append(context))
        patch.setattr(batcher, "monotonic", loop.time)
        result = runner.run(main(loop))
    assert problems == []
    return result


async def turns(count: int = 3) -> None:
    """Let the loop go round so often."""
    for _ in range(count):
        await asyncio.sleep(0)
