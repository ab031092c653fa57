"""One request on the hot lane: from its bytes to its answer by two callbacks, without a task.

`start` of a hot route puts the work in a queue and `finish` writes the answer; what lies between is the batcher's.
Nothing here waits, so a request costs no task, no timer and one write.
"""

from __future__ import annotations

import time
from asyncio import CancelledError, Future
from collections.abc import Callable
from typing import Any, cast

from serving.edge.error_responses import answer_to
from serving.edge.http_types import CallReader, Request, Response, check_media
from serving.edge.router import HotRoute, Router
from serving.kernel.errors import BodyTimeout, SlipwayError
from serving.observe.request_record import CLIENT_GONE, Observer, RequestRecord

__all__ = ["Exchange", "HotLane", "record_of"]

Reply = Callable[[Response, str], None]
"""Takes the answer and the request's id."""
REMEMBERED = 1024


class HotLane:
    """Everything that exchanges share: the routes, the limits and the observer."""

    def __init__(self, router: Router, calls: CallReader, observer: Observer, max_body_bytes: int) -> None:
        self.calls = calls
        self.observer = observer
        self.max_body_bytes = max_body_bytes
        self._router = router
        self._found: dict[bytes, tuple[HotRoute, dict[str, str]] | None] = {}

    def find(self, target: bytes) -> tuple[HotRoute, dict[str, str]] | None:
        """The hot route of a POST to `target` with its path parameters; None: not for this lane."""
        try:
            return self._found[target]
        except KeyError:
            found = self._router.hot(target)
            # Callers can make up any number of paths.
            if len(self._found) < REMEMBERED:
                self._found[target] = found
            return found


class Exchange:
    """One request under way. `reply` is called exactly once, unless the caller leaves first."""

    __slots__ = ("_began", "_lane", "_reply", "_request", "_route", "_work", "ended")

    def __init__(
        self,
        lane: HotLane,
        found: tuple[HotRoute, dict[str, str]],
        headers: dict[bytes, bytes],
        peer: str,
        reply: Reply,
    ) -> None:
        self._began = time.perf_counter()
        self._lane = lane
        self._reply = reply
        self._route, params = found
        self._work: Future[Any] | None = None
        self.ended = False
        door = self._route.path[1:3]
        self._request = Request("POST", headers, params, lane.calls.read(headers, door, peer))
        lane.observer.started(door)

    def patience(self) -> float:
        """Seconds the body may take."""
        request = self._request
        try:
            return self._lane.calls.timed(request.call, request.headers).remaining()
        except SlipwayError:
            # Said to the caller once the body is there.
            return request.call.remaining()

    def run(self, body: bytes) -> None:
        """Begin; the body is complete."""
        self._request.body = body
        self._attempt(self._start)

    def late(self) -> None:
        """The body did not arrive in time."""
        self._fail(BodyTimeout("the body did not arrive before the request's deadline"))

    def leave(self) -> None:
        """The caller has gone: give the work up."""
        if self.ended:
            return
        if self._work is not None:
            self._work.cancel()
        self._end(CLIENT_GONE, "ClientGone")

    def _start(self) -> None:
        request = self._request
        headers = request.headers
        request.call = self._lane.calls.timed(request.call, headers)
        check_media(headers.get(b"content-type"), headers.get(b"content-encoding"))
        self._work = self._route.start(request)
        self._work.add_done_callback(self._done)

    def _done(self, work: Future[Any]) -> None:
        if not self.ended:
            self._attempt(self._finish)
        elif not work.cancelled():
            work.exception()  # marks it as seen: its caller has gone

    def _finish(self) -> None:
        work = cast(Future[Any], self._work)
        response = self._route.finish(self._request, work.result())
        self._end(response.status, "")
        self._reply(response, self._request.call.request_id)

    def _attempt(self, step: Callable[[], None]) -> None:
        try:
            step()
        except (Exception, CancelledError) as cause:  # noqa: BLE001  the edge: every caller gets an answer
            self._fail(cause)

    def _fail(self, cause: BaseException) -> None:
        request = self._request
        response, error = answer_to(cause, request.call)
        self._end(response.status, error)
        self._reply(response, request.call.request_id)

    def _end(self, status: int, error: str) -> None:
        self.ended = True
        self._lane.observer.finished(record_of(self._request, self._route.path, status, error, self._began))


def record_of(request: Request, route: str, status: int, error: str, began: float) -> RequestRecord:
    """What the observer is told. `began` is in `time.perf_counter()` seconds."""
    call = request.call
    return RequestRecord(
        call.request_id,
        call.door,
        request.method,
        route,
        request.model,
        request.version,
        status,
        time.perf_counter() - began,
        request.rows,
        call.trace_id,
        error,
        time.time(),
    )
