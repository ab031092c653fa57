"""uvicorn's HTTP protocol with a hot lane: inference requests go from parser to batcher and back without a task.

What is not plainly a hot request (another path, chunked or compressed, pipelined behind another, `Expect`) takes
uvicorn's way through the ASGI application, which answers the same. Both ways write each answer at once: uvicorn
alone writes headers and body separately, which takes two packets and two system calls.

The head of a request is limited in bytes, fields and seconds, and an offer of another protocol is ignored.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

import httptools
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from serving.edge.error_responses import error_answer
from serving.edge.http import head_limits
from serving.edge.http.connections import Connections
from serving.edge.http.head_limits import MOST_BYTES, MOST_FIELDS, Arriving
from serving.edge.http.hot_lane import Exchange, HotCycle, HotLane, wire_bytes
from serving.edge.http.request_body import UNREAD_BODY
from serving.edge.request_life import RequestFactory, Response
from serving.kernel.errors import Overloaded, SlipwayError

__all__ = ["HttpProtocol", "JoinedWrites"]

HEAD_SECONDS = 10.0
"""A connection is closed on which the head of a request has not arrived by then; the first has to begin, too."""
HALF_CLOSED_SECONDS = 1.0
"""How long a client that sends no more gets its answer: most that do so have left, and their work is cancelled."""
LINGER_SECONDS = 2.0
"""How long a client may go on sending a body that nobody reads, so that it sees the answer before the end."""


class JoinedWrites:
    """Gathers writes until the loop's next turn. What is not defined here goes straight to the transport."""

    def __init__(
        self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop, unread: Callable[[], bool]
    ) -> None:
        """`unread` says whether a body has not arrived completely."""
        self._transport = transport
        self._loop = loop
        self._unread = unread
        self._lingering: asyncio.TimerHandle | None = None
        self.held: list[bytes] = []

    @property
    def ending(self) -> bool:
        """Whether nothing more is read or written."""
        return self._lingering is not None or self._transport.is_closing()

    def write(self, data: bytes) -> None:
        """Write in the loop's next turn, together with what else is written until then."""
        if not self.held:
            self._loop.call_soon(self.flush)
        self.held.append(data)

    def flush(self) -> None:
        """Write what is held."""
        held, self.held = self.held, []
        if held and not self._transport.is_closing():
            self._transport.write(held[0] if len(held) == 1 else b"".join(held))

    def close(self) -> None:
        """Close. Closing with unread bytes would reset the connection, and the client might lose the answer."""
        self.flush()
        if self.ending:
            return
        if self._unread():
            self.linger()
        else:
            self._transport.close()

    def linger(self) -> None:
        """Send no more, and read on for a moment what nobody wants."""
        self._transport.resume_reading()
        self._transport.write_eof()
        self._lingering = self._loop.call_later(LINGER_SECONDS, self._transport.abort)

    def lost(self) -> None:
        """The connection is closed."""
        if self._lingering is not None:
            self._lingering.cancel()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class HttpProtocol(HttpToolsProtocol):
    """One connection. `hot_lane` takes the requests that it can; None: the ASGI application takes all of them."""

    def __init__(
        self,
        *args: Any,
        hot_lane: HotLane | None,
        requests: RequestFactory,
        connections: Connections,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self._hot_lane = hot_lane
        self._requests = requests
        self._crowd = connections
        self.draining = False
        self.idle_since: float | None = None
        """Since when it has had no request, by the loop's clock; None: it has one."""

    def drain(self, app: ASGIApp) -> None:
        """From now on `app`, which asks for the connection to be closed, answers every request."""
        self.app = cast(Any, app)
        self._hot_lane = None
        self.draining = True

    def close_idle(self) -> None:
        """Close a connection that has no request."""
        self.transport.close()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Gather what is written to the transport, and limit how long the first request may take to arrive."""
        self._raw = transport
        self._joined = JoinedWrites(transport, self.loop, self._is_arriving)
        self._hot: HotCycle | None = None
        self._standard: object = None
        self._common = b""
        self._in_head = False
        self._head_wire = 0
        self._arriving: Arriving | None = None
        self._upgrading = self._refused = self._measure = False
        self._heads = 0
        super().connection_made(cast(asyncio.Transport, self._joined))
        self.peer = self.client[0] if self.client else ""
        self.idle_since = self.loop.time()
        self._head_timer: asyncio.TimerHandle | None = self.loop.call_later(HEAD_SECONDS, self._late_head)
        self._crowd.peers[self.peer] += 1
        if not self._has_room():
            self._refuse(Overloaded("this server has as many connections as it takes; try again later"))

    def connection_lost(self, exc: Exception | None) -> None:
        """Cancel the timers of the connection, and the work that nobody waits for."""
        self._crowd.peers[self.peer] -= 1
        if not self._crowd.peers[self.peer]:
            del self._crowd.peers[self.peer]
        self._joined.lost()
        self._stop_head_timer()
        if self.timeout_keep_alive_task is not None:
            self.timeout_keep_alive_task.cancel()
        if self._hot is not None:
            self._stop_timer(self._hot)
            self._hot.exchange.leave()
        super().connection_lost(exc)

    def _has_room(self) -> bool:
        crowd = self._crowd
        if len(self.connections) <= crowd.most and crowd.peers[self.peer] <= crowd.most_of_peer:
            return True
        others = [one for one in self.connections if isinstance(one, HttpProtocol) and one is not self]
        return crowd.make_room(self.peer, others)

    def eof_received(self) -> bool | None:  # type: ignore[override]
        """The client sends no more. It may still wait for an answer, and gets what is ready soon."""
        if self._joined.ending or self.cycle is None or self.cycle.response_complete or self._is_arriving():
            return None
        self.cycle.keep_alive = False
        self.loop.call_later(HALF_CLOSED_SECONDS, self._raw.close)
        return True

    def data_received(self, data: bytes) -> None:
        """Parse. A head has some seconds to arrive; a hot request's body has time until its deadline."""
        if self._refused or self._joined.ending:
            return
        size, continued = len(data), self._in_head
        first, self._heads = not self._is_arriving(), 0
        self._measure = continued or size > MOST_BYTES
        try:
            arriving = self._arriving
            self.parser.feed_data(data)
            if arriving is not None and not arriving.complete:
                arriving.framing.add_wire(size)
            if self._in_head:
                # Where a head begins behind something else, its first bytes are not counted.
                self._wait_for_head(size if continued or (first and self._heads == 1) else 0)
        except httptools.HttpParserUpgrade as upgrade:
            self._ignore_upgrade(data[upgrade.args[0] :])
        except (httptools.HttpParserError, SlipwayError) as error:
            # What a callback raises becomes the context of the parser's own error.
            causes = (error, error.__context__)
            self._refuse(next((cause for cause in causes if isinstance(cause, SlipwayError)), None))
            return
        hot = self._hot
        if hot is not None and not hot.complete and hot.timer is None:
            hot.timer = self.loop.call_later(hot.exchange.patience(), self._late, hot)

    def on_message_begin(self) -> None:
        """Collect the headers; uvicorn's scope is made only when it is needed."""
        self.idle_since = None
        self._in_head = True
        self._heads += 1
        self._head_wire = 0
        self.url = b""
        self.headers = []
        self.expect_100_continue = False

    def on_headers_complete(self) -> None:
        """Choose between the hot lane and the ASGI application."""
        self._in_head = False
        self._stop_head_timer()
        if self.parser.should_upgrade() and self.parser.get_method() != b"CONNECT":
            self._upgrading = True
            return
        found = self._hot_route()
        if found is not None:
            lane, route, fields = found
            hot = HotCycle(self.parser.should_keep_alive())
            self.cycle = hot  # type: ignore[assignment]
            self._hot = hot
            hot.exchange = Exchange(lane, route, fields, self.peer, self._reply)
            return
        url, headers, expect = self.url, self.headers, self.expect_100_continue
        self._check_head()
        self._arriving = arriving = Arriving()
        super().on_message_begin()
        self.url, self.expect_100_continue = url, expect
        self.headers.extend(headers)
        self.scope["extensions"] = {UNREAD_BODY: lambda: not arriving.complete}  # type: ignore[dict-item]
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Keep the bytes as they came."""
        hot = self._hot
        if hot is not None and not hot.complete:
            hot.parts.append(body)
        else:
            if self._arriving is not None:
                self._arriving.framing.add_body(len(body))
            super().on_body(body)

    def on_message_complete(self) -> None:
        """Start the work."""
        if self._upgrading:
            return
        hot = self._hot
        if hot is None or hot.complete:
            arriving, self._arriving = self._arriving, None
            if arriving is not None:
                arriving.complete = True
            super().on_message_complete()
            return
        hot.complete = True
        self._stop_timer(hot)
        parts = hot.parts
        hot.exchange.run(parts[0] if len(parts) == 1 else b"".join(parts))

    def on_response_complete(self) -> None:
        """As uvicorn does, but with one timer per connection instead of one per request."""
        self.server_state.total_requests += 1
        if self._joined.ending:
            return
        self.flow.resume_reading()
        if self.pipeline:
            cycle, app = self.pipeline.pop()
            self._start_asgi_task(cycle, app)
            return
        self.idle_since = self.loop.time()
        if self.timeout_keep_alive_task is None:
            self._watch_idle(self.timeout_keep_alive)

    def timeout_keep_alive_handler(self) -> None:
        """Close a connection that has been idle for long enough; look at others again later."""
        self.timeout_keep_alive_task = None
        left = float(self.timeout_keep_alive)
        if self.idle_since is not None:
            left -= self.loop.time() - self.idle_since
        if left > 0:
            self._watch_idle(left)
        else:
            super().timeout_keep_alive_handler()

    def _unset_keepalive_if_required(self) -> None:
        pass  # uvicorn calls it when data arrive, which need not be a request

    def _watch_idle(self, seconds: float) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(seconds, self.timeout_keep_alive_handler)

    def _is_arriving(self) -> bool:
        """Whether a message has begun to arrive and is not complete."""
        hot = self._hot
        return self._in_head or self._arriving is not None or (hot is not None and not hot.complete)

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
        # Where no field comes twice, a head that came in one short packet for the same host needs no closer look.
        fields, host = len(headers), headers.get(b"host")
        if self._measure or fields != len(self.headers) or fields > MOST_FIELDS or host != lane.last_host:
            self._check_head()
            lane.last_host = host
        return lane, route, headers

    def _check_head(self) -> None:
        head_limits.check_size(self.url, self.headers)
        head_limits.check_hosts(self.headers, self.parser.get_http_version())

    def _wait_for_head(self, size: int) -> None:
        """A head goes on in the next packet; all `size` bytes of this one belong to it."""
        self._head_wire += size
        head_limits.check_size(self.url, self.headers, self._head_wire)
        if self._head_timer is None:
            self._head_timer = self.loop.call_later(HEAD_SECONDS, self._late_head)

    def _late_head(self) -> None:
        self._head_timer = None
        if self._in_head or cast(object, self.cycle) is None:
            self._raw.close()

    def _stop_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _refuse(self, error: SlipwayError | None) -> None:
        """Answer what is not HTTP (None) or over a limit, and close.

        The answer to an earlier request comes first, and then there is none to this one.
        """
        self._refused = True
        cycle = self.cycle
        if cycle is not None and not cycle.response_complete and (self._in_head or self.pipeline):
            cycle.keep_alive = False
        elif error is None:
            self.send_400_response("Invalid HTTP request received.")
        else:
            # The head may not have arrived whole; what has says which id the client gave.
            life = self._requests.http("", dict(self.headers or ()), "operations", self.peer, {})
            response = error_answer(life.fail(error), life.call)
            life.end(response.status)
            self._joined.flush()
            self._raw.write(self._bytes(response, life.call.request_id, keep_alive=False))
            self._joined.close()

    def _ignore_upgrade(self, rest: bytes) -> None:
        """Parse the request again without its offer of another protocol, at which the parser has ended."""
        if not self._upgrading:  # CONNECT: what follows is not HTTP
            self._refused = True
            self.cycle.keep_alive = False
            return
        self._upgrading = False
        old, self.parser = self.parser, httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        head = head_limits.without_upgrade(old.get_method(), self.url, old.get_http_version(), self.headers)
        self.data_received(head + rest)

    def _reply(self, response: Response, request_id: str) -> None:
        hot, self._hot = cast(HotCycle, self._hot), None
        hot.response_complete = True
        raw = self._raw
        if not raw.is_closing():
            if self._joined.held:
                self._joined.flush()
            raw.write(self._bytes(response, request_id, hot.keep_alive))
            if hot.late:
                self._joined.linger()
            elif not hot.keep_alive:
                raw.close()
        self.on_response_complete()

    def _bytes(self, response: Response, request_id: str, keep_alive: bool) -> bytes:
        standard = self.server_state.default_headers
        if standard is not self._standard:
            # uvicorn replaces them every second, for the date.
            self._standard = standard
            self._common = b"".join([b"%b: %b\r\n" % pair for pair in standard])
        return wire_bytes(response, request_id, STATUS_LINE[response.status] + self._common, keep_alive)

    def _late(self, hot: HotCycle) -> None:
        hot.timer = None
        if not hot.complete:
            # The rest of the body would be taken for the next request.
            hot.complete, hot.keep_alive, hot.late = True, False, True
            hot.exchange.late()

    def _stop_timer(self, hot: HotCycle) -> None:
        if hot.timer is not None:
            hot.timer.cancel()
            hot.timer = None
