"""One request on the hot lane: from its bytes to its answer by two callbacks, without a task.

`start` of a hot route puts the work in a queue and `finish` writes the answer; what lies between is the batcher's.
Nothing here waits, so a request costs no task, no timer and one write.
"""

from __future__ import annotations

import asyncio
from asyncio import CancelledError, Future
from collections.abc import Callable, Container, Iterable
from typing import Any, cast

from msgspec import structs

from serving.edge.error_responses import error_answer
from serving.edge.http.request_body import USUAL_TYPES, check_media
from serving.edge.http.routes import HotRoute, Route
from serving.edge.request_life import RequestFactory, Response
from serving.kernel.errors import BodyTimeout, SlipwayError

__all__ = ["Exchange", "HotCycle", "HotLane", "wire_bytes"]

Reply = Callable[[Response, str], None]
"""Takes the answer and the request's id."""
REMEMBERED = 1024
LONGEST_REMEMBERED = 256
"""Bytes of a target whose route is remembered."""
COLD_HEADERS = (b"content-encoding",)
"""A request with one of them takes Starlette's way."""
NEVER_SET = asyncio.Event()


class HotLane:
    """What the requests on it share: the routes and the limits."""

    def __init__(
        self, routes: Iterable[Route], requests: RequestFactory, models: Container[object] | None = None
    ) -> None:
        """Only targets of these models are remembered, which may come and go; None: of all that callers name."""
        settings = requests.settings
        self.requests = requests
        self.max_body_bytes = settings.max_body_bytes
        # The headers that browsers look for are CORS middleware's.
        self.cold_headers = frozenset((*COLD_HEADERS, b"origin") if settings.cors_origins else COLD_HEADERS)
        self._routes = [route for route in routes if isinstance(route, HotRoute)]
        self._models = models
        self._found: dict[bytes, tuple[HotRoute, dict[str, str]]] = {}
        self.last_host: bytes | None = b""
        """The host that was checked last."""

    def find(self, target: bytes) -> tuple[HotRoute, dict[str, str]] | None:
        """The hot route of a POST to `target` with its path parameters; None: not for this lane."""
        try:
            return self._found[target]
        except KeyError:
            found = self._look_up(target)
            # Callers can make up any number of paths, of any length.
            if found is not None and self._is_worth_remembering(target, found[1]):
                self._found[target] = found
            return found

    def _is_worth_remembering(self, target: bytes, params: dict[str, str]) -> bool:
        served = self._models is None or params.get("model") in self._models
        return served and len(target) <= LONGEST_REMEMBERED and len(self._found) < REMEMBERED

    def _look_up(self, target: bytes) -> tuple[HotRoute, dict[str, str]] | None:
        if not target.isascii() or b"%" in target or b"?" in target:
            return None
        path = target.decode().removesuffix("/")
        for route in self._routes:
            match = route.path_regex.match(path)
            if match is not None:
                return route, match.groupdict()
        return None


class Exchange:
    """One request under way. `reply` is called exactly once, unless the client leaves first."""

    __slots__ = ("_lane", "_reply", "_request", "_route", "_work")

    def __init__(
        self,
        lane: HotLane,
        found: tuple[HotRoute, dict[str, str]],
        headers: dict[bytes, bytes],
        peer: str,
        reply: Reply,
    ) -> None:
        self._lane = lane
        self._reply = reply
        self._route, params = found
        self._work: Future[Any] | None = None
        path = self._route.path
        self._request = lane.requests.http("POST", headers, path[1:3], peer, params)
        self._request.route = path

    def patience(self) -> float:
        """Seconds the body may take."""
        request = self._request
        try:
            return self._lane.requests.timed(request.call, request.headers).remaining()
        except SlipwayError:
            # `_start` sends this error once the body is there.
            return request.call.remaining()

    def run(self, body: bytes) -> None:
        """Begin; the body is complete."""
        self._request.body = body
        self._attempt(self._start)

    def late(self) -> None:
        """The body did not arrive in time."""
        self._fail(BodyTimeout("the body did not arrive before the request's deadline"))

    def leave(self) -> None:
        """The client has gone: cancel the work."""
        if self._request.ended:
            return
        if self._work is not None:
            self._work.cancel()
        self._request.leave()

    def _start(self) -> None:
        request, requests = self._request, self._lane.requests
        headers = request.headers
        requests.identify(request, headers)
        if requests.asks_callers:
            self._route.allow(request)
        media = headers.get(b"content-type")
        if media not in USUAL_TYPES:
            check_media(media)
        request.call = requests.timed(request.call, headers)
        self._work = self._route.start(request)
        self._work.add_done_callback(self._done)

    def _done(self, work: Future[Any]) -> None:
        if not self._request.ended:
            self._attempt(self._finish)
        elif not work.cancelled():
            work.exception()  # marks it as seen: its client has gone

    def _finish(self) -> None:
        work = cast(Future[Any], self._work)
        request = self._request
        self._end(self._route.finish(request, work.result()))

    def _attempt(self, step: Callable[[], None]) -> None:
        try:
            step()
        except (Exception, CancelledError) as cause:  # noqa: BLE001  the edge: every caller gets an answer
            self._fail(cause)

    def _fail(self, cause: BaseException) -> None:
        request = self._request
        self._end(error_answer(request.fail(cause), request.call))

    def _end(self, response: Response) -> None:
        request = self._request
        meter = request.identity.meter
        if meter is not None:
            response = structs.replace(response, headers={**response.headers, **meter.headers()})
        request.end(response.status)
        self._reply(response, request.call.request_id)


class HotCycle:
    """One hot request of a connection; has what the protocol asks of uvicorn's own cycle."""

    __slots__ = (
        "complete",
        "disconnected",
        "exchange",
        "keep_alive",
        "late",
        "message_event",
        "parts",
        "response_complete",
        "timer",
    )

    def __init__(self, keep_alive: bool) -> None:
        self.keep_alive = keep_alive
        self.response_complete = False
        self.disconnected = False
        self.message_event = NEVER_SET
        self.complete = False
        self.late = False
        self.parts: list[bytes] = []
        self.timer: asyncio.TimerHandle | None = None
        self.exchange: Exchange


def wire_bytes(response: Response, request_id: str, start: bytes, keep_alive: bool) -> bytes:
    """An answer as it goes over the wire; `start` is the status line and the headers that every answer has."""
    body = response.body
    text = f"x-request-id: {request_id}\r\ncontent-type: {response.content_type}\r\n"
    for name, value in response.headers.items():
        text += f"{name}: {value}\r\n"
    if not keep_alive:
        text += "connection: close\r\n"
    text += f"content-length: {len(body)}\r\n\r\n"
    return b"".join((start, text.encode("latin-1"), body))
