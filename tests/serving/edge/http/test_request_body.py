from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from serving.edge.http.request_body import ClientGone, DisconnectWatch, read_body
from serving.kernel.errors import BodyTimeout, Malformed, TooLarge


def parts(*messages: Any) -> Any:
    """A `receive` that gives these and then never again."""
    waiting = list(messages)

    async def receive() -> Any:
        if not waiting:
            await asyncio.sleep(60)
        found = waiting.pop(0)
        if isinstance(found, str):
            return {"type": found}
        return {"type": "http.request", "body": found, "more_body": bool(waiting)}

    return receive


def read(receive: Any, length: str | None = None, limit: int = 10, seconds: float = 5.0) -> bytes:
    return asyncio.run(read_body(receive, length, limit, time.monotonic() + seconds))


def test_bodies() -> None:
    assert read(parts(b"abc"), "3") == b"abc"
    assert read(parts(b"ab", b"", b"cd")) == b"abcd"


def test_limits() -> None:
    with pytest.raises(TooLarge, match="has 11 bytes; at most 10"):
        read(parts(), "11")
    with pytest.raises(TooLarge, match="more than the 10"):
        read(parts(b"x" * 11))
    with pytest.raises(TooLarge, match="more than the 10"):
        read(parts(b"x" * 6, b"x" * 6, b"x"))
    with pytest.raises(Malformed, match="content-length"):
        read(parts(), "ten")


def test_gone_and_late() -> None:
    with pytest.raises(ClientGone):
        read(parts(b"x", "http.disconnect"))
    with pytest.raises(BodyTimeout):
        read(parts(), seconds=0.05)


async def _watched(seconds: float, *messages: Any) -> tuple[bool, bool]:
    """Sleep under a watch; whether the caller was found gone and whether the sleep was cut short."""
    watch = DisconnectWatch(parts(*messages))
    watch.start()
    try:
        await asyncio.sleep(seconds)
    except asyncio.CancelledError:
        return watch.gone(), True
    finally:
        watch.stop()
    return watch.gone(), False


def test_the_watch_cancels_only_when_the_caller_left() -> None:
    assert asyncio.run(_watched(5.0, "http.disconnect")) == (True, True)
    assert asyncio.run(_watched(0.05)) == (False, False)
    assert asyncio.run(_watched(0.0, "http.disconnect")) == (False, False)


def test_another_cancellation_is_not_taken_for_the_callers() -> None:
    async def main() -> tuple[bool, bool]:
        task = asyncio.create_task(_watched(5.0))
        await asyncio.sleep(0.05)
        task.cancel()
        return await task

    assert asyncio.run(main()) == (False, True)
