"""Path and method to handler."""

from __future__ import annotations

import re
from asyncio import Future
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any

from serving.edge.http_types import Request, Response
from serving.kernel.errors import MethodNotAllowed, NotFound, SlipwayError

__all__ = ["Finish", "Handler", "HotRoute", "Route", "Router", "Start", "WrongMethod", "hot", "no_path"]

Handler = Callable[[Request], Awaitable[Response]]
Start = Callable[[Request], Future[Any]]
Finish = Callable[[Request, Any], Response]


@dataclass(frozen=True, slots=True)
class Route:
    """One method of one path. In `path`, `{name}` stands for one segment without `/` and `:`."""

    method: str
    path: str
    handler: Handler

    def pattern(self) -> re.Pattern[str]:
        """The path as a regular expression."""
        parts = re.split(r"\{(\w+)\}", self.path)
        named = [f"(?P<{part}>[^/:]+)" if index % 2 else re.escape(part) for index, part in enumerate(parts)]
        return re.compile("".join(named))


@dataclass(frozen=True, slots=True)
class HotRoute(Route):
    """A route in two halves that never wait: `start` puts the work in a queue, `finish` makes the answer.

    A door may call them itself and save the task that `handler` needs.
    """

    start: Start
    finish: Finish


def hot(method: str, path: str, start: Start, finish: Finish) -> HotRoute:
    """A hot route whose handler awaits what `start` gave."""

    async def handler(request: Request) -> Response:
        return finish(request, await start(request))

    return HotRoute(method, path, handler, start, finish)


class WrongMethod(MethodNotAllowed):
    """The path exists; `allow` lists its methods."""

    def __init__(self, method: str, allow: tuple[str, ...]) -> None:
        super().__init__(f"{method[:16]} is not allowed here; allowed: {', '.join(allow)}")
        self.allow = allow


def no_path(path: str) -> NotFound:
    """The error for a path nobody answers."""
    return NotFound(f"no path {path[:128]!r}; GET /openapi.json lists those there are")


class Router:
    """Fixed paths by dictionary, the others by pattern in the order given: the busiest first."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self.routes = tuple(routes)
        self._fixed = {(route.method, route.path): route for route in self.routes if "{" not in route.path}
        self._open = [(route.pattern(), route) for route in self.routes if "{" in route.path]

    def find(self, method: str, path: str) -> tuple[Route, dict[str, str]]:
        """The route and its path parameters. Raises `NotFound` or `MethodNotAllowed`."""
        if len(path) > 1 and path.endswith("/"):
            path = path[:-1]
        wanted = "GET" if method == "HEAD" else method
        fixed = self._fixed.get((wanted, path))
        if fixed is not None:
            return fixed, {}
        for pattern, route in self._open:
            if route.method == wanted:
                match = pattern.fullmatch(path)
                if match is not None:
                    return route, match.groupdict()
        allow = self.methods(path)
        raise WrongMethod(method, allow) if allow else no_path(path)

    def hot(self, target: bytes) -> tuple[HotRoute, dict[str, str]] | None:
        """The hot route of a POST to a request target as it stands on the wire; None for every other."""
        try:
            route, params = self.find("POST", target.decode("ascii"))
        except (UnicodeDecodeError, SlipwayError):
            return None
        return (route, params) if isinstance(route, HotRoute) and b"%" not in target else None

    def methods(self, path: str) -> tuple[str, ...]:
        """The methods of a path, as the header `Allow` lists them."""
        found = {route.method for route in self.routes if route.path == path}
        found |= {route.method for pattern, route in self._open if pattern.fullmatch(path)}
        if "GET" in found:
            found.add("HEAD")
        return tuple(sorted(found | {"OPTIONS"})) if found else ()
