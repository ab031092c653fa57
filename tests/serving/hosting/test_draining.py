from __future__ import annotations

import asyncio
from typing import Any

import pytest

from serving.edge.application import HttpApplication
from serving.hosting.draining import Draining
from tests.serving.edge.toy import ToyPlane


def ask(path: str, healthy: bool) -> tuple[int, dict[bytes, bytes]]:
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b""}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": path, "headers": []}
    asyncio.run(Draining(HttpApplication(ToyPlane()), healthy=healthy)(scope, receive, send))
    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]
    return sent[0]["status"], dict(sent[0]["headers"])


@pytest.mark.parametrize(
    ("path", "healthy", "status"),
    [("/v2", False, 200), ("/nowhere", False, 404), ("/-/healthz", True, 200), ("/-/healthz", False, 503)],
)
def test_every_answer_says_that_it_is_the_last(path: str, healthy: bool, status: int) -> None:
    found, headers = ask(path, healthy)
    assert found == status
    assert headers[b"connection"] == b"close"
