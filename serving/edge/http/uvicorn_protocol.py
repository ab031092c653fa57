"""uvicorn's HTTP protocol with a hot lane: inference requests go from parser to batcher and back without a task.

What is not plainly a hot request (another path, chunked or compressed, pipelined behind another, `Expect`, an
upgrade) takes uvicorn's way through the ASGI application, which answers the same. Both ways write each answer at
once: uvicorn alone writes headers and body separately, which takes two packets and two system calls.
"""

from __future__ import annotations

import asyncio
from typing import Any, cast

from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from serving.edge.http.hot_lane import Exchange, HotLane
from serving.edge.request_life import Response

__all__ = ["HttpProtocol"]

FIRST_REQUEST_SECONDS = 10.0
"""A connection on which no request's headers have arrived by then is closed; uvicorn itself never closes it."""
NEVER_SET = asyncio.Event()


class _JoinedWrites:
    """A transport that gathers writes until the loop's next turn. Everything else goes straight through."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self.held: list[bytes] = []

    def write(self, data: bytes) -> None:
        if not self.held:
            self._loop.call_soon(self.flush)
        self.held.append(data)

    def close(self) -> None:
        self.flush()
        self._transport.close()

    def flush(self) -> None:
        held, self.held = self.held, []
        if held and not self._transport.is_closing():
            self._transport.write(held[0] if len(held) == 1 else b"".join(held))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class _HotCycle:
    """One hot request of a connection; has what the protocol asks of uvicorn's own cycle."""

    __slots__ = (
        "complete",
        "disconnected",
        "exchange",
        "keep_alive",
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
        self.parts: list[bytes] = []
        self.timer: asyncio.TimerHandle | None = None
        self.exchange: Exchange


class HttpProtocol(HttpToolsProtocol):
    """One connection. `hot_lane` takes the requests that it can; None: the ASGI application takes all of them."""

    def __init__(self, *args: Any, hot_lane: HotLane | None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._hot_lane = hot_lane
        self.draining = False

    def drain(self, app: ASGIApp) -> None:
        """From now on `app`, which asks for the connection to be closed, answers every request."""
        self.app = cast(Any, app)
        self._hot_lane = None
        self.draining = True

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Gather what is written to the transport, and limit how long the first request may take to arrive."""
        self._raw = transport
        self._joined = _JoinedWrites(transport, self.loop)
        self._hot: _HotCycle | None = None
        self._idle_since: float | None = None
        self._standard: object = None
        self._common = b""
        super().connection_made(cast(asyncio.Transport, self._joined))
        self._peer = self.client[0] if self.client else ""
        self._first = self.loop.call_later(FIRST_REQUEST_SECONDS, self._give_up)

    def connection_lost(self, exc: Exception | None) -> None:
        """Cancel the timers of the connection, and the work that nobody waits for."""
        self._first.cancel()
        if self.timeout_keep_alive_task is not None:
            self.timeout_keep_alive_task.cancel()
        if self._hot is not None:
            self._stop_timer(self._hot)
            self._hot.exchange.leave()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse. A hot request whose body has not arrived completely has time until its deadline."""
        super().data_received(data)
        hot = self._hot
        if hot is not None and not hot.complete and hot.timer is None:
            hot.timer = self.loop.call_later(hot.exchange.patience(), self._late, hot)

    def on_message_begin(self) -> None:
        """Collect the headers; uvicorn's scope is made only when it is needed."""
        self.url = b""
        self.headers = []
        self.expect_100_continue = False

    def on_headers_complete(self) -> None:
        """Choose between the hot lane and the ASGI application."""
        found = self._hot_route()
        if found is None:
            url, headers, expect = self.url, self.headers, self.expect_100_continue
            super().on_message_begin()
            self.url, self.expect_100_continue = url, expect
            self.headers.extend(headers)
            super().on_headers_complete()
            return
        lane, route, fields = found
        hot = _HotCycle(self.parser.should_keep_alive())
        self.cycle = hot  # type: ignore[assignment]
        self._hot = hot
        hot.exchange = Exchange(lane, route, fields, self._peer, self._reply)

    def on_body(self, body: bytes) -> None:
        """Keep the bytes as they came."""
        hot = self._hot
        if hot is None or hot.complete:
            super().on_body(body)
        else:
            hot.parts.append(body)

    def on_message_complete(self) -> None:
        """Start the work."""
        hot = self._hot
        if hot is None or hot.complete:
            super().on_message_complete()
            return
        hot.complete = True
        self._stop_timer(hot)
        parts = hot.parts
        hot.exchange.run(parts[0] if len(parts) == 1 else b"".join(parts))

    def on_response_complete(self) -> None:
        """As uvicorn does, but with one timer per connection instead of one per request."""
        self.server_state.total_requests += 1
        if self._raw.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            cycle, app = self.pipeline.pop()
            self._start_asgi_task(cycle, app)
            return
        self._idle_since = self.loop.time()
        if self.timeout_keep_alive_task is None:
            self._watch_idle(self.timeout_keep_alive)

    def timeout_keep_alive_handler(self) -> None:
        """Close a connection that has been idle for long enough; look at others again later."""
        self.timeout_keep_alive_task = None
        left = float(self.timeout_keep_alive)
        if self._idle_since is not None:
            left -= self.loop.time() - self._idle_since
        if left > 0:
            self._watch_idle(left)
        else:
            super().timeout_keep_alive_handler()

    def _unset_keepalive_if_required(self) -> None:
        self._idle_since = None

    def _watch_idle(self, seconds: float) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(seconds, self.timeout_keep_alive_handler)

    def _hot_route(self) -> tuple[HotLane, Any, dict[bytes, bytes]] | None:
        """The lane, the route and the headers of a request that can take it."""
        lane, busy = self._hot_lane, self.cycle
        if lane is None or self.parser.get_method() != b"POST" or self.expect_100_continue:
            return None
        if (busy is not None and not busy.response_complete) or self.flow.write_paused:
            return None
        route = lane.find(self.url)
        if route is None or self.parser.get_http_version() != "1.1":
            return None
        headers = dict(self.headers)
        length = headers.get(b"content-length")
        if length is None or int(length) > lane.max_body_bytes or not lane.cold_headers.isdisjoint(headers):
            return None
        return lane, route, headers

    def _reply(self, response: Response, request_id: str) -> None:
        hot, self._hot = cast(_HotCycle, self._hot), None
        hot.response_complete = True
        raw = self._raw
        if not raw.is_closing():
            if self._joined.held:
                self._joined.flush()
            raw.write(self._bytes(response, request_id, hot.keep_alive))
            if not hot.keep_alive:
                raw.close()
        self.on_response_complete()

    def _bytes(self, response: Response, request_id: str, keep_alive: bool) -> bytes:
        standard, body = self.server_state.default_headers, response.body
        if standard is not self._standard:
            # uvicorn replaces them every second, for the date.
            self._standard = standard
            self._common = b"".join([b"%b: %b\r\n" % pair for pair in standard])
        text = f"x-request-id: {request_id}\r\ncontent-type: {response.content_type}\r\n"
        for name, value in response.headers.items():
            text += f"{name}: {value}\r\n"
        if not keep_alive:
            text += "connection: close\r\n"
        text += f"content-length: {len(body)}\r\n\r\n"
        return b"".join((STATUS_LINE[response.status], self._common, text.encode("latin-1"), body))

    def _late(self, hot: _HotCycle) -> None:
        hot.timer = None
        if not hot.complete:
            # The rest of the body would be taken for the next request.
            hot.complete, hot.keep_alive = True, False
            hot.exchange.late()

    def _stop_timer(self, hot: _HotCycle) -> None:
        if hot.timer is not None:
            hot.timer.cancel()
            hot.timer = None

    def _give_up(self) -> None:
        if cast(object, self.cycle) is None:
            self.transport.close()
