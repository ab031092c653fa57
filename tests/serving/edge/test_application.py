from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from starlette.middleware.cors import CORSMiddleware

from serving.edge.application import HttpApplication, middleware
from serving.edge.grpc.door import GrpcDoor
from serving.edge.http.compression import CompressAnswer, DecompressBody
from serving.edge.http.middleware import AnswerErrors, IdentifyCaller, LimitBody, RecordRequest
from serving.edge.request_life import RequestFactory
from serving.hosting.listener import Listener
from serving.kernel.settings import Settings
from serving.observe.request_record import CLIENT_GONE
from tests.serving.edge.conftest import Server
from tests.serving.edge.toy import ToyPlane
from tests.serving.edge.wire import ask, connected, eventually, instances, post, read_answer

TRACE = "0af7651916cd43dd8448eb211c80319c"


def test_a_sane_request_id_is_kept_and_another_is_replaced(server: Server) -> None:
    status, headers, body = ask(server.http, post(instances(), x_request_id="my-id.7_x"))
    assert (status, headers["x-request-id"], json.loads(body)["request_id"]) == (200, "my-id.7_x", "my-id.7_x")
    for given in ("spaces inside", "x" * 129, "", "a;b"):
        made = ask(server.http, post(instances(), x_request_id=given))[1]["x-request-id"]
        assert len(made) == 32 and made != given
    first, second = (ask(server.http, post(instances()))[1]["x-request-id"] for _ in "ab")
    assert first != second


def test_deadline_and_trace_reach_the_data_plane(server: Server) -> None:
    parent = f"00-{TRACE}-b7ad6b7169203331-01"
    ask(server.http, post(instances(), x_request_timeout_ms=700, traceparent=parent))
    call = server.plane.calls[-1]
    assert 0 < call.remaining() <= 0.7
    assert (call.trace_id, call.door) == (TRACE, "v1")
    ask(server.http, post(instances(), x_request_timeout_ms=10**9, traceparent="nonsense"))
    call = server.plane.calls[-1]
    assert call.remaining() <= server.plane.settings.max_timeout_ms / 1000
    assert call.trace_id == ""


@pytest.mark.parametrize(
    ("market", "status", "title"),
    [
        ("busy", 503, "Overloaded"),
        ("cold", 503, "Not ready"),
        ("broken", 500, "Backend failed"),
        ("crash", 500, "Internal error"),
    ],
)
def test_server_faults(server: Server, market: str, status: int, title: str) -> None:
    got, headers, body = ask(server.http, post(instances(market)))
    problem = json.loads(body)
    assert (got, problem["status"], problem["title"]) == (status, status, title)
    assert headers["content-type"] == "application/problem+json"
    assert headers.get("retry-after") == {"busy": "2", "cold": "1"}.get(market)
    assert b"secret" not in body and b"Traceback" not in body


def test_an_unknown_error_is_logged_under_the_request_id(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR, "serving.edge.request_life"):
        ask(server.http, post(instances("crash"), x_request_id="find-me"))
    (record,) = [line for line in caplog.records if getattr(line, "fields", {}) == {"request_id": "find-me"}]
    assert record.exc_info is not None and "secret" in str(record.exc_info[1])


def test_deadline(server: Server) -> None:
    began = time.monotonic()
    status, _, body = ask(server.http, post(instances("sleep"), x_request_timeout_ms=150))
    assert status == 504 and "deadline" in json.loads(body)["detail"]
    assert time.monotonic() - began < 25, "before the toy itself woke"


def test_a_caller_who_leaves_cancels_the_work(server: Server) -> None:
    with connected(server.http) as connection:
        connection.sendall(post(instances("sleep"), x_request_id="leaver"))
        time.sleep(0.2)
    eventually(lambda: "leaver" in server.plane.cancelled)
    eventually(lambda: any(r.request_id == "leaver" and r.status == CLIENT_GONE for r in server.recorder.records))
    eventually(lambda: server.recorder.running == 0)
    assert ask(server.http, post(instances()))[0] == 200


def test_a_body_cut_off_is_nobodys_request(server: Server) -> None:
    with connected(server.http) as connection:
        connection.sendall(post(instances(), x_request_id="cut")[:-10])
        time.sleep(0.05)
    eventually(lambda: any(r.request_id == "cut" and r.status == CLIENT_GONE for r in server.recorder.records))
    assert ask(server.http, post(instances()))[0] == 200


def test_a_body_that_trickles_is_given_up(server: Server) -> None:
    with connected(server.http) as connection:
        connection.sendall(post(instances(), x_request_timeout_ms=200)[:-10])
        status, _, body = read_answer(connection)
    assert status == 408 and json.loads(body)["title"] == "Request timeout"


def test_a_slow_body_in_time_is_served(server: Server) -> None:
    raw = post(instances())
    with connected(server.http) as connection:
        for index in range(0, len(raw), 40):
            connection.sendall(raw[index : index + 40])
            time.sleep(0.01)
        assert read_answer(connection)[0] == 200


def test_too_large_is_said_before_the_body_is_sent(server: Server) -> None:
    limit = server.plane.settings.max_body_bytes
    with connected(server.http) as connection:
        connection.sendall(post(b"", content_length=limit + 1))
        status, _, body = read_answer(connection)
    assert status == 413 and str(limit) in json.loads(body)["detail"]


def test_too_large_in_chunks(server: Server) -> None:
    chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
    with connected(server.http) as connection:
        connection.sendall(post(b"", content_length=None, transfer_encoding="chunked"))
        for _ in range(20):
            connection.sendall(chunk)
        status, _, body = read_answer(connection)
    assert status == 413 and "at most" not in body.decode() and "allowed" in body.decode()
    assert ask(server.http, post(instances()))[0] == 200


def test_chunks(server: Server) -> None:
    body = instances()
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(body[i : i + 9]), body[i : i + 9]) for i in range(0, len(body), 9))
    raw = post(b"", content_length=None, transfer_encoding="chunked") + chunks + b"0\r\n\r\n"
    assert ask(server.http, raw)[0] == 200


def test_pipelined_requests_are_answered_in_order(server: Server) -> None:
    count = 20
    raw = b"".join(post(instances("busy" if i % 5 == 4 else "Kolar"), x_request_id=f"p{i}") for i in range(count))
    buffer = bytearray()
    with connected(server.http) as connection:
        connection.sendall(raw)
        answers = [read_answer(connection, buffer) for _ in range(count)]
    assert [headers["x-request-id"] for _, headers, _ in answers] == [f"p{i}" for i in range(count)]
    assert [status for status, _, _ in answers] == [503 if i % 5 == 4 else 200 for i in range(count)]


def test_a_connection_is_kept_through_errors(server: Server) -> None:
    with connected(server.http) as connection:
        for body, expected in ((b"x", 400), (instances(), 200), (b"{}", 422), (instances(), 200)):
            connection.sendall(post(body))
            assert read_answer(connection)[0] == expected


def test_http_1_0(server: Server) -> None:
    status, headers, _ = ask(server.http, post(instances(), version="1.0"))
    assert status == 200 and headers["connection"] == "close"


@pytest.mark.parametrize(
    "raw",
    [
        b"\x00\x01\x02\r\n\r\n",
        b"GET\r\n\r\n",
        post(instances(), content_length="-5"),
        post(instances(), content_length="ten"),
        post(instances(), content_length="9" * 40),
        post(instances(), transfer_encoding="chunked", content_length=5),
        b"POST /v1/models/toy:predict HTTP/1.1\r\nhost: x\r\nbad header\r\n\r\n",
    ],
)
def test_bad_http(server: Server, raw: bytes) -> None:
    assert 400 <= ask(server.http, raw)[0] < 500
    assert ask(server.http, post(instances()))[0] == 200


def test_head_and_options(server: Server) -> None:
    with connected(server.http) as connection:
        connection.sendall(
            b"HEAD /v2 HTTP/1.1\r\nhost: x\r\n\r\nOPTIONS /v1/models/toy:predict HTTP/1.1\r\nhost: x\r\n\r\n"
        )
        seen = b""
        while b"204" not in seen:
            seen += connection.recv(65536)
    assert seen.startswith(b"HTTP/1.1 200 OK") and b"{" not in seen
    assert b"allow: OPTIONS, POST" in seen
    assert ask(server.http, b"OPTIONS * HTTP/1.1\r\nhost: x\r\n\r\n")[0] == 204
    assert ask(server.http, b"OPTIONS /nowhere HTTP/1.1\r\nhost: x\r\n\r\n")[0] == 404


def test_a_finished_request_is_recorded(server: Server) -> None:
    raw = post(instances(), "/v1/models/toy/versions/2:predict", x_request_id="kept")
    ask(server.http, raw)
    eventually(lambda: any(record.request_id == "kept" for record in server.recorder.records))
    (record,) = [record for record in server.recorder.records if record.request_id == "kept"]
    assert (record.door, record.method, record.route) == (
        "v1",
        "POST",
        "/v1/models/{model}/versions/{version}:predict",
    )
    assert (record.model, record.version, record.status, record.rows, record.error) == ("toy", 2, 200, 1, "")
    assert record.seconds > 0


def test_an_unknown_model_is_no_label(server: Server) -> None:
    ask(server.http, post(instances(), "/v1/models/nosuch:predict", x_request_id="lost"))
    eventually(lambda: any(record.request_id == "lost" for record in server.recorder.records))
    (record,) = [record for record in server.recorder.records if record.request_id == "lost"]
    assert (record.model, record.version, record.status, record.error) == ("", 0, 404, "NotFound")


def test_other_scopes() -> None:
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "lifespan.startup"}

    async def send(message: Any) -> None:
        sent.append(message["type"])

    async def both() -> None:
        door = HttpApplication(ToyPlane())
        await door({"type": "lifespan"}, receive, send)
        await door({"type": "websocket"}, receive, send)

    asyncio.run(both())
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete", "websocket.close"]


def test_the_middleware_is_one_list_in_running_order() -> None:
    plain = middleware(RequestFactory(Settings(compress_bytes=0)))
    assert [step.cls for step in plain] == [
        *(RecordRequest, AnswerErrors),
        *(LimitBody, IdentifyCaller, DecompressBody),
    ]
    every = middleware(RequestFactory(Settings(cors_origins=("*",))))
    assert [step.cls for step in every][:4] == [RecordRequest, CORSMiddleware, CompressAnswer, AnswerErrors]


@pytest.fixture
def open_to_pages() -> Iterator[str]:
    """A server whose answers pages of one origin may read."""
    plane = ToyPlane()
    plane.settings = replace(plane.settings, cors_origins=("https://a.example",))
    listener = Listener(HttpApplication(plane), GrpcDoor(plane), plane.settings)
    listener.start()
    yield f"127.0.0.1:{listener.ports.http}"
    listener.stop(1.0)


def test_cors(open_to_pages: str) -> None:
    asked = b"OPTIONS /v1/models/toy:predict HTTP/1.1\r\nhost: x\r\norigin: https://a.example\r\n"
    asked += b"access-control-request-method: POST\r\naccess-control-request-headers: content-type\r\n\r\n"
    status, headers, _ = ask(open_to_pages, asked)
    assert (status, headers["access-control-allow-origin"]) == (200, "https://a.example")
    for body, expected in ((instances(), 200), (b"{", 400)):
        status, headers, _ = ask(open_to_pages, post(body, origin="https://a.example"))
        assert (status, headers["access-control-allow-origin"]) == (expected, "https://a.example")
        assert "x-request-id" in headers["access-control-expose-headers"]
        assert "access-control-allow-origin" not in ask(open_to_pages, post(body, origin="https://b.example"))[1]


def test_cors_is_off_unless_it_is_asked_for(server: Server) -> None:
    _, headers, _ = ask(server.http, post(instances(), origin="https://a.example"))
    assert not [name for name in headers if name.startswith("access-control")]
