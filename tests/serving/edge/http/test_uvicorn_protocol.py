from __future__ import annotations

import socket
import time
from contextlib import ExitStack, suppress
from dataclasses import replace

import psutil
import pytest

from serving.edge.application import HttpApplication
from serving.edge.grpc.door import GrpcDoor
from serving.edge.http import uvicorn_protocol
from serving.hosting import http_server
from serving.hosting.listener import Listener
from serving.observe.request_record import CLIENT_GONE
from tests.serving.edge.conftest import Server
from tests.serving.edge.toy import ToyPlane
from tests.serving.edge.wire import ask, connected, eventually, instances, post, read_answer


def test_headers_and_body_arrive_together(server: Server) -> None:
    with connected(server.http) as connection:
        for _ in range(20):
            connection.sendall(post(instances()))
            answer = connection.recv(65536)
            assert answer.startswith(b"HTTP/1.1 200") and answer.endswith(b"}")


def test_a_connection_without_a_request_is_closed(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uvicorn_protocol, "HEAD_SECONDS", 0.2)
    with connected(server.http) as connection:
        connection.sendall(b"POST /v1/models/toy:predict HTTP/1.1\r\nx-slow: ")
        assert connection.recv(100) == b""
    with connected(server.http) as connection:
        connection.sendall(post(instances("sleep"), x_request_timeout_ms=500))
        assert read_answer(connection)[0] == 504, "a request that runs longer is left alone"


def answers(server: Server, raw: bytes) -> list[tuple[int, dict[str, str], bytes]]:
    """The same request on the hot lane and, for its query string, through the ASGI application."""
    cold = raw.replace(b" HTTP/1.1\r\n", b"?way=asgi HTTP/1.1\r\n", 1)
    assert cold != raw
    return [ask(server.http, sent) for sent in (raw, cold)]


@pytest.mark.parametrize(
    "raw",
    [
        post(instances(), x_request_id="same"),
        post(instances("busy"), x_request_id="same"),
        post(instances("crash"), x_request_id="same"),
        post(instances("nowhere"), x_request_id="same"),
        post(b"{", x_request_id="same"),
        post(b"", x_request_id="same"),
        post(instances(), x_request_id="same", x_request_timeout_ms="soon"),
        post(instances(), x_request_id="same", content_encoding="gzip"),
        post(instances(), x_request_id="same", content_type="image/png"),
        post(instances(), "/v1/models/toy/versions/2:predict", x_request_id="same"),
        post(instances(), "/v1/models/toy/versions/9:predict", x_request_id="same"),
        post(instances(), "/v1/models/none:predict", x_request_id="same"),
        post(instances(), x_request_id="same", connection="close"),
        post(b"{}", "/v2/models/toy/infer", x_request_id="same"),
    ],
)
def test_both_ways_answer_alike(server: Server, raw: bytes) -> None:
    hot, cold = answers(server, raw)
    for _, headers, _ in (hot, cold):
        headers.pop("date")
    assert hot == cold


def test_a_body_in_many_pieces_is_put_together(server: Server) -> None:
    raw = post(instances())
    with connected(server.http) as connection:
        for start in range(0, len(raw), 7):
            connection.sendall(raw[start : start + 7])
            time.sleep(0.001)
        assert read_answer(connection)[0] == 200


def test_hot_and_other_requests_mixed_in_one_packet_are_answered_in_order(server: Server) -> None:
    get = b"GET /v2/health/live HTTP/1.1\r\nhost: x\r\nx-request-id: g%d\r\n\r\n"
    parts = [post(instances(), x_request_id=f"h{i}") if i % 3 else get % i for i in range(12)]
    buffer = bytearray()
    with connected(server.http) as connection:
        connection.sendall(b"".join(parts))
        got = [read_answer(connection, buffer) for _ in parts]
    assert [status for status, _, _ in got] == [200] * 12
    assert [headers["x-request-id"] for _, headers, _ in got] == [f"{'h' if i % 3 else 'g'}{i}" for i in range(12)]


@pytest.mark.parametrize("kind", [{"version": "1.0"}, {"connection": "close"}])
def test_a_connection_that_is_not_to_be_kept_is_closed(server: Server, kind: dict[str, str]) -> None:
    with connected(server.http) as connection:
        connection.sendall(post(instances(), **kind))
        status, headers, _ = read_answer(connection)
        assert (status, headers["connection"]) == (200, "close")
        assert connection.recv(10) == b""


def test_a_body_that_never_ends_is_given_up_and_its_connection_closed(server: Server) -> None:
    with connected(server.http) as connection:
        connection.sendall(post(instances(), x_request_timeout_ms=150, x_request_id="endless")[:-3])
        status, headers, _ = read_answer(connection)
        assert (status, headers["connection"]) == (408, "close")
        assert connection.recv(10) == b""
    eventually(lambda: server.recorder.running == 0)
    (record,) = [record for record in server.recorder.records if record.request_id == "endless"]
    assert (record.status, record.error) == (408, "BodyTimeout")


def test_an_idle_connection_is_closed_and_a_busy_one_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_server, "KEEP_ALIVE_SECONDS", 0.4)
    plane = ToyPlane()
    doors = Listener(HttpApplication(plane), GrpcDoor(plane), plane.settings)
    doors.start()
    try:
        with connected(f"127.0.0.1:{doors.ports.http}") as connection:
            for _ in range(4):
                connection.sendall(post(instances()))
                assert read_answer(connection)[0] == 200
                time.sleep(0.2)
            connection.settimeout(5)
            assert connection.recv(10) == b""
    finally:
        doors.stop(1.0)


def test_a_caller_who_leaves_on_the_hot_lane_gives_its_work_up(server: Server) -> None:
    with connected(server.http) as connection:
        connection.sendall(post(instances("sleep"), x_request_id="hot-leaver"))
        eventually(lambda: any(call.request_id == "hot-leaver" for call in server.plane.calls))
    eventually(lambda: "hot-leaver" in server.plane.cancelled)
    eventually(lambda: server.recorder.running == 0)
    (record,) = [record for record in server.recorder.records if record.request_id == "hot-leaver"]
    assert (record.status, record.error) == (CLIENT_GONE, "ClientGone")


HEAD = b"POST /v1/models/toy:predict HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\n"
COLD = HEAD.replace(b":predict ", b":predict?way=asgi ")


def told(connection: socket.socket) -> int:
    """The status of the last answer of a connection, which is closed behind it."""
    status, headers, _ = read_answer(connection)
    assert headers["connection"] == "close"
    with suppress(ConnectionError):
        assert connection.recv(10) == b""
    return status


@pytest.mark.parametrize("head", [HEAD, COLD, b"GET / HTTP/1.1\r\nhost: x\r\n"])
@pytest.mark.parametrize(
    "more",
    [
        b"x: " + b"y" * 70_000 + b"\r\n\r\n",
        b"x: " + b"y" * 300_000 + b"\r\n\r\n",
        b"x: " + b"y" * 70_000,
        b"a: b\r\n" * 100 + b"\r\n",
        b"a: b\r\n" * 11_000,
        b"".join(b"x%d: y\r\n" % number for number in range(200)) + b"\r\n",
    ],
)
def test_a_head_over_the_limit_is_431_and_closes(server: Server, head: bytes, more: bytes) -> None:
    with connected(server.http) as connection:
        connection.sendall(post(instances()))
        assert read_answer(connection)[0] == 200
        with suppress(ConnectionError):
            connection.sendall(head + more)
        assert told(connection) == 431


def test_a_head_is_limited_as_its_bytes_arrive(server: Server) -> None:
    """An endless head is refused while it is sent, so it takes no memory."""
    memory = psutil.Process().memory_info
    before = memory().rss
    for endless in (b"x: " + b"y" * (50 * 2**20), b"a: b\r\n" * (8 * 2**20)):
        with connected(server.http) as connection:
            with suppress(ConnectionError):
                connection.sendall(HEAD + endless)
            assert told(connection) == 431
    assert memory().rss - before < 150 * 2**20, "what this test itself sends has up to 50 MiB"


def test_a_head_in_small_pieces_is_counted_too(server: Server) -> None:
    with connected(server.http) as connection:
        connection.sendall(HEAD)
        with suppress(ConnectionError):
            for number in range(70):
                connection.sendall(b"x%d: " % number + b"y" * 1000 + b"\r\n")
                time.sleep(0.002)
        assert told(connection) == 431


def test_a_head_within_the_limits_is_answered(server: Server) -> None:
    body = instances()
    fields = b"".join(b"x%d: %b\r\n" % (number, b"y" * 600) for number in range(90))
    head = b"POST /v1/models/toy:predict HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n" % len(body)
    assert ask(server.http, head + fields + b"\r\n" + body)[0] == 200


@pytest.mark.parametrize("more", [b"", b" HTTP/1.1\r\nhost: x\r\n\r\n"])
def test_a_long_target_is_414(server: Server, more: bytes) -> None:
    with connected(server.http) as connection:
        connection.sendall(b"POST /v1/models/" + b"x" * 70_000 + more)
        assert told(connection) == 414


@pytest.mark.parametrize("body", [b"5\r\nhello\r\n", b""])
def test_an_endless_trailer_ends_the_connection(server: Server, body: bytes) -> None:
    head = b"POST /v1/models/toy:predict HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"
    with connected(server.http) as connection:
        with suppress(ConnectionError):
            connection.sendall(head + body + b"0\r\nx: " + b"y" * (20 * 2**20))
        assert told(connection) == 400


def test_behind_an_unanswered_request_a_long_head_only_closes(server: Server) -> None:
    with connected(server.http) as connection:
        connection.sendall(post(instances("sleep"), x_request_timeout_ms=300) + HEAD + b"x: " + b"y" * 400_000)
        assert told(connection) == 504


@pytest.mark.parametrize("hosts", [b"", b"host: x\r\nhost: y\r\n", b"host: x\r\nhost: x\r\n"])
@pytest.mark.parametrize("target", [b"/v1/models/toy:predict", b"/v1/models/toy:predict?way=asgi"])
def test_a_request_names_one_host(server: Server, hosts: bytes, target: bytes) -> None:
    with connected(server.http) as connection:
        connection.sendall(b"POST %b HTTP/1.1\r\n%bcontent-length: 2\r\n\r\n{}" % (target, hosts))
        assert told(connection) == 400


@pytest.mark.parametrize("query", ["", "?way=asgi"])
def test_what_is_no_host_is_refused_on_every_lane(server: Server, query: str) -> None:
    path = f"/v1/models/toy:predict{query}"
    with connected(server.http) as connection:
        for host in ("x", "x", "models.example:8000", "", "[::1]:80"):
            connection.sendall(post(instances(), path, host=host))
            assert read_answer(connection)[0] == 200
        connection.sendall(post(instances(), path, host="a b", x_request_id="mine"))
        status, headers, body = read_answer(connection)
        assert (status, headers["connection"], headers["x-request-id"]) == (400, "close", "mine")
        assert b"`host` must be a name or an address" in body


OFFER = "Upgrade, HTTP2-Settings"


@pytest.mark.parametrize("query", ["", "?way=asgi"])
def test_an_offer_of_another_protocol_is_ignored(server: Server, query: str) -> None:
    """As Java's HttpClient and `curl --http2` send it; what is pipelined behind it is answered, too."""
    path = f"/v1/models/toy:predict{query}"
    raw = post(instances(), path, connection=OFFER, upgrade="h2c", http2_settings="AAEAAEAAAAIAAAAA")
    buffer = bytearray()
    with connected(server.http) as connection:
        connection.sendall(raw + post(instances(), path, x_request_id="behind"))
        first, second = read_answer(connection, buffer), read_answer(connection, buffer)
        assert (first[0], second[0]) == (200, 200)
        assert b"predictions" in first[2] and "connection" not in first[1]
        assert second[1]["x-request-id"] == "behind"
        for byte in raw:
            connection.sendall(bytes([byte]))
        assert read_answer(connection)[0] == 200
        connection.sendall(
            b"GET /v2/health/live HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n"
        )
        assert read_answer(connection)[0] == 200


def test_what_else_the_connection_header_says_is_kept(server: Server) -> None:
    with connected(server.http) as connection:
        connection.sendall(post(instances(), connection="close, upgrade", upgrade="websocket"))
        assert told(connection) == 200


def test_connect_is_refused_and_nothing_behind_it_is_read(server: Server) -> None:
    with connected(server.http) as connection:
        connection.sendall(b"CONNECT x:443 HTTP/1.1\r\nhost: x\r\n\r\n" + post(instances()))
        assert told(connection) == 400


def test_a_second_head_that_trickles_is_given_up(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uvicorn_protocol, "HEAD_SECONDS", 0.3)
    with connected(server.http) as connection:
        connection.sendall(post(instances()))
        assert read_answer(connection)[0] == 200
        with pytest.raises(ConnectionError):
            for byte in HEAD * 100:
                connection.sendall(bytes([byte]))
                time.sleep(0.01)


def test_empty_lines_are_no_request_and_do_not_keep_a_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_server, "KEEP_ALIVE_SECONDS", 0.3)
    plane = ToyPlane()
    doors = Listener(HttpApplication(plane), GrpcDoor(plane), plane.settings)
    doors.start()
    try:
        with connected(f"127.0.0.1:{doors.ports.http}") as connection:
            connection.sendall(post(instances()))
            assert read_answer(connection)[0] == 200
            with pytest.raises(ConnectionError):
                while True:
                    connection.sendall(b"\r\n")
                    time.sleep(0.02)
    finally:
        doors.stop(1.0)


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"POST /nowhere HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n", 404),
        (b"POST /v1/models/toy:predict HTTP/1.1\r\nhost: x\r\ncontent-length: 99999999\r\n\r\n", 413),
        (b"GET /v2/health/live HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n", 200),
        (b"POST /nowhere HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n", 404),
        (HEAD.replace(b": 1\r\n", b": 99\r\nx-request-timeout-ms: 50\r\n") + b"\r\n", 408),
        (COLD.replace(b": 1\r\n", b": 99\r\nx-request-timeout-ms: 50\r\n") + b"\r\n", 408),
    ],
)
def test_an_answer_before_the_body_has_arrived_is_the_last(
    server: Server, head: bytes, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uvicorn_protocol, "LINGER_SECONDS", 0.3)
    with connected(server.http) as connection:
        connection.sendall(head)
        got, headers, _ = read_answer(connection)
        assert (got, headers["connection"]) == (status, "close")
        assert connection.recv(10) == b"", "half closed: the client may send on for a moment"
        with pytest.raises(ConnectionError):
            while True:
                connection.sendall(b"1")
                time.sleep(0.01)


def test_a_client_that_sends_no_more_gets_its_answer(server: Server) -> None:
    for path in ("/v1/models/toy:predict", "/v1/models/toy:predict?way=asgi"):
        with connected(server.http) as connection:
            connection.sendall(post(instances(), path))
            connection.shutdown(socket.SHUT_WR)
            # The answer may be ready before the server sees that no more comes, so it need not say `close`.
            assert read_answer(connection)[0] == 200
            assert connection.recv(10) == b""


def test_a_crowd_is_limited_and_idle_connections_make_room(monkeypatch: pytest.MonkeyPatch) -> None:
    plane = ToyPlane()
    doors = Listener(HttpApplication(plane), GrpcDoor(plane), replace(plane.settings, max_connections=3))
    doors.start()
    address = f"127.0.0.1:{doors.ports.http}"
    try:
        with ExitStack() as crowd:
            busy = [crowd.enter_context(connected(address)) for _ in range(2)]
            for connection in busy:
                connection.sendall(post(instances("sleep"), x_request_timeout_ms=60_000))
            eventually(lambda: len(plane.calls) == 2)
            idle = crowd.enter_context(connected(address))
            idle.sendall(post(instances()))
            assert read_answer(idle)[0] == 200
            third = crowd.enter_context(connected(address))
            third.sendall(post(instances("sleep"), x_request_timeout_ms=60_000))
            eventually(lambda: len(plane.calls) == 4)
            assert idle.recv(1) == b"", "it made room"
            assert told(crowd.enter_context(connected(address))) == 503
    finally:
        doors.stop(0.1)
