from __future__ import annotations

import pytest

from serving.edge.http_types import Request, Response
from serving.edge.router import Route, Router, WrongMethod
from serving.kernel.errors import NotFound


async def handler(request: Request) -> Response:
    return Response()


ROUTER = Router(
    [
        Route("POST", "/m/{model}:run", handler),
        Route("GET", "/m/{model}", handler),
        Route("DELETE", "/m/{model}", handler),
        Route("GET", "/m/{model}/versions/{version}", handler),
        Route("GET", "/plain.json", handler),
    ]
)


@pytest.mark.parametrize(
    ("method", "path", "route", "params"),
    [
        ("POST", "/m/a:run", "/m/{model}:run", {"model": "a"}),
        ("GET", "/m/a", "/m/{model}", {"model": "a"}),
        ("HEAD", "/m/a/", "/m/{model}", {"model": "a"}),
        ("GET", "/m/a/versions/3", "/m/{model}/versions/{version}", {"model": "a", "version": "3"}),
        ("GET", "/plain.json", "/plain.json", {}),
    ],
)
def test_found(method: str, path: str, route: str, params: dict[str, str]) -> None:
    found, got = ROUTER.find(method, path)
    assert (found.path, got) == (route, params)


@pytest.mark.parametrize("path", ["/", "/m", "/m/", "/m/a/b", "/m/a:walk", "/plainxjson", "/m//versions/1", ""])
def test_not_found(path: str) -> None:
    with pytest.raises(NotFound, match="no path"):
        ROUTER.find("GET", path)


def test_wrong_method() -> None:
    with pytest.raises(WrongMethod, match="allowed: DELETE, GET, HEAD, OPTIONS") as caught:
        ROUTER.find("PATCH", "/m/a")
    assert caught.value.allow == ("DELETE", "GET", "HEAD", "OPTIONS")
    assert ROUTER.methods("/m/a:run") == ("OPTIONS", "POST")
