from __future__ import annotations

import asyncio
import inspect

import pytest

from slipway_client import AsyncClient, Client, DeadlineExceeded
from tests.serving.edge.toy import ToyPlane
from tests.serving.edge.wire import eventually
from tests.slipway_client.faulty import Faulty, answer, hold

QUESTION = {"horizon": 7, "history": [{"price": 100.0}]}


def methods(kind: type) -> dict[str, inspect.Signature]:
    named = {name: value for name, value in vars(kind).items() if inspect.isfunction(value)}
    shown = {name: inspect.signature(value) for name, value in named.items() if not name.startswith("_")}
    # Only the kind of the transport differs.
    return {**shown, "parameters": [*inspect.signature(kind).parameters]}  # type: ignore[dict-item]


def test_it_has_the_methods_of_the_other_client() -> None:
    assert methods(AsyncClient) == methods(Client)
    assert all(inspect.iscoroutinefunction(getattr(AsyncClient, name)) for name in ("predict", "infer", "close"))


def test_calls_run_side_by_side(toy: tuple[ToyPlane, str]) -> None:
    async def ask() -> list[object]:
        async with AsyncClient(toy[1]) as client:
            slow = client.predict("toy", {**QUESTION, "market": "sleep"}, timeout=1.0)
            quick = [client.predict("toy", QUESTION) for _ in range(50)]
            return list(await asyncio.gather(slow, *quick, return_exceptions=True))

    late, *found = asyncio.run(ask())
    assert isinstance(late, DeadlineExceeded)
    assert found == [{"price": 107.0}] * 50


def test_a_cancelled_call_leaves_nothing_behind(toy: tuple[ToyPlane, str]) -> None:
    plane, url = toy

    async def ask() -> None:
        async with AsyncClient(url, timeout=60) as client:
            call = client.predict("toy", {**QUESTION, "market": "sleep"}, request_id="cancelled")
            task = asyncio.ensure_future(call)
            while plane.calls[-1:] == [] or plane.calls[-1].request_id != "cancelled":
                await asyncio.sleep(0.01)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert await client.predict("toy", QUESTION) == {"price": 107.0}

    asyncio.run(ask())
    eventually(lambda: "cancelled" in plane.cancelled)


def test_a_timeout_of_the_caller_is_the_callers() -> None:
    async def ask(url: str) -> None:
        async with AsyncClient(url, timeout=60) as client:
            async with asyncio.timeout(0.1):
                await client.predict("m", {"a": 1})

    with Faulty([hold(answer()[:-1])]) as server, pytest.raises(TimeoutError):
        asyncio.run(ask(server.url))
