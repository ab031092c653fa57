from __future__ import annotations

import asyncio
from typing import Any

import pytest
from starlette.responses import PlainTextResponse
from starlette.routing import Router
from starlette.types import Message

from serving.edge.error_responses import WrongMethod
from serving.edge.http.routes import REQUEST, Route, answer_unrouted
from serving.edge.request_life import Answer, Request, RequestFactory, Response
from serving.kernel.errors import NotFound
from serving.kernel.settings import Settings


async def handler(request: Request) -> Answer:
    return Response()


async def text(request: Request) -> Answer:
    return PlainTextResponse("said by Starlette")


ROUTER = Router(
    [
        Route("POST", "/m/{model}:run", handler, scope=None),
        Route("GET", "/m/{model}", handler, scope=None),
        Route("DELETE", "/m/{model}", handler, scope=None),
        Route("GET", "/m/{model}/versions/{version}", handler, scope=None),
        Route("GET", "/plain.json", handler, scope=None),
        Route("GET", "/text", text, scope=None),
    ],
    redirect_slashes=False,
    default=answer_unrouted,
)


def ask(method: str, path: str) -> tuple[Request, list[Message]]:
    """The request after it was routed, and what was sent."""
    request = RequestFactory(Settings()).http(method, {}, "v1", "", {})
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b""}

    async def send(message: Message) -> None:
        sent.append(message)

    scope: dict[str, Any] = {"type": "http", "method": method, "path": path, "root_path": "", REQUEST: request}
    asyncio.run(ROUTER(scope, receive, send))
    return request, sent


@pytest.mark.parametrize(
    ("method", "path", "route", "params"),
    [
        ("POST", "/m/a:run", "/m/{model}:run", {"model": "a"}),
        ("GET", "/m/a", "/m/{model}", {"model": "a"}),
        ("HEAD", "/m/a", "/m/{model}", {"model": "a"}),
        ("GET", "/m/a/versions/3", "/m/{model}/versions/{version}", {"model": "a", "version": "3"}),
        ("GET", "/plain.json", "/plain.json", {}),
    ],
)
def test_found(method: str, path: str, route: str, params: dict[str, str]) -> None:
    request, sent = ask(method, path)
    assert (request.route, request.params, sent[0]["status"]) == (route, params, 200)


@pytest.mark.parametrize(
    "path", ["/", "/m", "/m/", "/m/a/b", "/m/a:walk", "/plainxjson", "/m//versions/1", "", "/plain.json\n"]
)
def test_not_found(path: str) -> None:
    with pytest.raises(NotFound, match="no path"):
        ask("GET", path)


def test_wrong_method() -> None:
    with pytest.raises(WrongMethod, match="allowed: DELETE, GET, HEAD, OPTIONS") as caught:
        ask("PATCH", "/m/a")
    assert caught.value.allow == ("DELETE", "GET", "HEAD", "OPTIONS")
    request, sent = ask("OPTIONS", "/m/a:run")
    assert (sent[0]["status"], sent[0]["headers"]) == (204, [(b"allow", b"OPTIONS, POST")])
    assert request.route == "", "it did not get to a handler"


def test_a_handler_may_answer_with_any_asgi_application() -> None:
    _, sent = ask("GET", "/text")
    assert (sent[0]["status"], sent[1]["body"]) == (200, b"said by Starlette")
