from __future__ import annotations

import time

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
    monkeypatch.setattr(uvicorn_protocol, "FIRST_REQUEST_SECONDS", 0.2)
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
