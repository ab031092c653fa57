from __future__ import annotations

import asyncio
from asyncio import Future
from dataclasses import dataclass, field
from typing import Any

import pytest

from serving.edge.http.hot_lane import REMEMBERED, Exchange, HotLane
from serving.edge.http.routes import HotRoute, Route
from serving.edge.request_life import Request, RequestFactory, Response
from serving.kernel.errors import Malformed
from serving.kernel.settings import Settings
from serving.observe.request_record import CLIENT_GONE
from tests.serving.edge.toy import Recorder

PATH = "/v1/models/{model}:predict"


@dataclass
class Work:
    """A lane with one hot route, whose work a test finishes when it likes."""

    settings: Settings = field(default_factory=Settings)
    recorder: Recorder = field(default_factory=Recorder)
    begun: list[Future[Any]] = field(default_factory=list)
    replies: list[tuple[Response, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        async def cold(request: Request) -> Response:
            return Response()

        routes = [
            HotRoute("POST", PATH, self.start, self.finish, scope=None),
            Route("POST", "/v1/models/{model}:explain", cold, scope=None),
        ]
        self.lane = HotLane(routes, RequestFactory(self.settings, self.recorder))

    def start(self, request: Request) -> Future[Any]:
        if request.body == b"bad":
            raise Malformed("no question")
        self.begun.append(asyncio.get_running_loop().create_future())
        return self.begun[-1]

    def finish(self, request: Request, result: Any) -> Response:
        return Response(f"{request.params['model']}: {result}".encode())

    def exchange(self, **headers: bytes) -> Exchange:
        found = self.lane.find(b"/v1/models/toy:predict")
        assert found is not None
        given = {b"x-request-id": b"mine"} | {n.replace("_", "-").encode(): v for n, v in headers.items()}
        return Exchange(self.lane, found, given, "10.0.0.7", lambda *reply: self.replies.append(reply))

    @property
    def record(self) -> tuple[str, int, str]:
        (record,) = self.recorder.records
        assert self.recorder.running == 0
        return record.route, record.status, record.error


def test_only_plain_targets_of_hot_routes_are_found() -> None:
    lane = Work().lane
    for target in (b"/v1/models/toy:predict", b"/v1/models/toy:predict/"):
        found = lane.find(target)
        assert found is not None and found[1] == {"model": "toy"}
    for target in (
        b"/v1/models/toy:explain",
        b"/v1/models/to%79:predict",
        b"/v1/models/t\xc3:predict",
        b"/",
        b"*",
    ):
        assert lane.find(target) is None
    assert lane.find(b"/v1/models/toy:predict?x=1") is None


def test_callers_cannot_make_it_remember_without_bound() -> None:
    lane = Work().lane
    for number in range(REMEMBERED + 10):
        assert lane.find(b"/v1/models/a%d:predict" % number) is not None
    assert len(lane._found) == REMEMBERED


def test_from_a_body_to_an_answer() -> None:
    async def main() -> None:
        work = Work()
        work.exchange().run(b"{}")
        assert work.replies == []
        work.begun[0].set_result(7)
        await asyncio.sleep(0)
        assert work.replies == [(Response(b"toy: 7"), "mine")] and work.record == (PATH, 200, "")

    asyncio.run(main())


@pytest.mark.parametrize(
    ("body", "headers", "status", "error"),
    [
        (b"bad", {}, 400, "Malformed"),
        (b"{}", {"content_type": b"image/png"}, 415, "UnsupportedMedia"),
        (b"{}", {"x_request_timeout_ms": b"soon"}, 400, "Malformed"),
    ],
)
def test_what_cannot_begin_is_answered_at_once(
    body: bytes, headers: dict[str, bytes], status: int, error: str
) -> None:
    async def main() -> None:
        work = Work()
        work.exchange(**headers).run(body)
        assert [reply.status for reply, _ in work.replies] == [status] and work.record == (PATH, status, error)

    asyncio.run(main())


def test_work_that_fails_is_answered() -> None:
    async def main() -> None:
        work = Work()
        work.exchange().run(b"{}")
        work.begun[0].set_exception(RuntimeError("secret"))
        await asyncio.sleep(0)
        ((reply, _),) = work.replies
        assert reply.status == 500 and b"secret" not in reply.body
        assert work.record == (PATH, 500, "SlipwayError")

    asyncio.run(main())


def test_a_client_that_leaves_cancels_its_work_and_gets_no_answer() -> None:
    async def main() -> None:
        work = Work()
        exchange = work.exchange()
        exchange.run(b"{}")
        exchange.leave()
        exchange.leave()
        await asyncio.sleep(0)
        assert work.begun[0].cancelled() and work.replies == []
        assert work.record == (PATH, CLIENT_GONE, "ClientGone")

    asyncio.run(main())


def test_a_body_that_does_not_arrive() -> None:
    work = Work()
    exchange = work.exchange(x_request_timeout_ms=b"50")
    assert 0 < exchange.patience() <= 0.05
    exchange.late()
    assert work.replies[0][0].status == 408 and work.record == (PATH, 408, "BodyTimeout")
    assert work.exchange(x_request_timeout_ms=b"soon").patience() > 1, "the error is sent with the body there"


def test_the_client_of_a_trusted_proxy_is_the_one_who_queues() -> None:
    async def main() -> None:
        seen: list[str] = []
        work = Work(Settings(client_header="x-tenant"))
        exchange = work.exchange(x_tenant=b"acme")
        exchange.run(b"{}")
        seen.append(exchange._request.call.client)
        assert seen == ["acme"]

    asyncio.run(main())


def test_with_cors_requests_of_browsers_take_the_other_way() -> None:
    assert b"origin" not in Work().lane.cold_headers
    assert b"origin" in Work(Settings(cors_origins=("https://a.example",))).lane.cold_headers
