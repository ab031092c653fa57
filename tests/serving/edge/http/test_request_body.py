from __future__ import annotations

import asyncio
from typing import Any

import pytest

from serving.edge.http.request_body import ClientGone, DisconnectWatch, check_media, read_body
from serving.kernel.errors import UnsupportedMedia


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


def read(receive: Any) -> bytes:
    return asyncio.run(read_body(receive))


def test_bodies() -> None:
    assert read(parts(b"abc")) == b"abc"
    assert read(parts(b"ab", b"", b"cd")) == b"abcd"


def test_a_client_that_leaves_sends_no_body() -> None:
    with pytest.raises(ClientGone):
        read(parts(b"x", "http.disconnect"))


async def _watched(seconds: float, *messages: Any) -> str:
    """Sleep under a watch; how that ended."""
    try:
        with DisconnectWatch(parts(*messages)):
            await asyncio.sleep(seconds)
    except asyncio.CancelledError:
        return "cancelled"
    except ClientGone:
        return "gone"
    return "done"


def test_the_watch_cancels_only_when_the_caller_left() -> None:
    assert asyncio.run(_watched(5.0, "http.disconnect")) == "gone"
    assert asyncio.run(_watched(0.05)) == "done"
    assert asyncio.run(_watched(0.0, "http.disconnect")) == "done"


def test_another_cancellation_is_not_taken_for_the_callers() -> None:
    async def main() -> str:
        task = asyncio.create_task(_watched(5.0))
        await asyncio.sleep(0.05)
        task.cancel()
        return await task

    assert asyncio.run(main()) == "cancelled"


@pytest.mark.parametrize(
    "media",
    [None, "", "application/json", "application/json; charset=UTF-8", "application/octet-stream", "text/plain"]
    + ["application/x-www-form-urlencoded", "application/vnd.api+json", 'application/json;charset="utf-8"', "*/*"],
)
def test_media_that_are_read(media: str | None) -> None:
    raw = None if media is None else media.encode()
    check_media(raw)


@pytest.mark.parametrize(
    "media", ["text/html", "application/grpc+proto", "image/png", "application/json; charset=utf-16"]
)
def test_media_that_are_not(media: str) -> None:
    with pytest.raises(UnsupportedMedia, match="allowed"):
        check_media(media.encode())
