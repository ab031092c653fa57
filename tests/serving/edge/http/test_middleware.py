from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from starlette.middleware import Middleware
from starlette.types import Receive, Scope, Send

from serving.edge.http.middleware import AnswerErrors, IdentifyCaller, LimitBody, RecordRequest
from serving.edge.http.request_body import ClientGone, read_body
from serving.edge.http.routes import REQUEST, send_answer
from serving.edge.request_life import Request, RequestFactory, Response
from serving.kernel.errors import BodyTimeout, Malformed, NotFound, TooLarge
from serving.kernel.settings import Settings
from serving.observe.request_record import CLIENT_GONE, RequestRecord
from tests.serving.edge.asgi import Asked
from tests.serving.edge.toy import Recorder

SETTINGS = Settings(max_body_bytes=10, client_header="x-tenant")


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with the body, told by whom it is."""
    request: Request = scope[REQUEST]
    body = await read_body(receive)
    await send_answer(Response(request.identity.client.encode() + b":" + body), scope, receive, send)


async def fail_late(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    raise NotFound("too late")


async def wait(scope: Scope, receive: Receive, send: Send) -> None:
    await asyncio.sleep(60)


async def ask(asked: Asked, app: object = echo, seconds: float = 60.0) -> RequestRecord:
    """Through all four; the record."""
    observer = Recorder()
    requests = RequestFactory(replace(SETTINGS), observer)
    steps = [Middleware(RecordRequest, requests), Middleware(AnswerErrors), Middleware(LimitBody, requests)]
    for cls, args, kwargs in reversed([*steps, Middleware(IdentifyCaller, requests)]):
        app = cls(app, *args, **kwargs)
    try:
        async with asyncio.timeout(seconds):
            await asked.of(app)  # type: ignore[arg-type]
    finally:
        assert observer.running == 0
        (record,) = observer.records
    return record


def test_a_request_has_an_id_an_identity_and_a_record() -> None:
    asked = Asked(b"ab", b"cd", path="/v1/x", x_request_id="mine", x_tenant="acme")
    record = asyncio.run(ask(asked))
    assert (asked.status, asked.body, asked.headers["x-request-id"]) == (200, b"acme:abcd", "mine")
    assert (record.request_id, record.door, record.method, record.status, record.error) == (
        *("mine", "v1", "POST"),
        *(200, ""),
    )


@pytest.mark.parametrize(
    ("parts", "headers", "kind", "says"),
    [
        ((b"x" * 11,), {}, TooLarge, "more than the 10"),
        ((b"x" * 6, b"x" * 6, b"x"), {}, TooLarge, "more than the 10"),
        ((), {"content_length": "11"}, TooLarge, "has 11 bytes; at most 10"),
        ((), {"content_length": "ten"}, Malformed, "content-length"),
        ((), {"x_request_timeout_ms": "50"}, BodyTimeout, "did not arrive"),
        ((), {"x_request_timeout_ms": "soon"}, Malformed, "x-request-timeout-ms"),
    ],
)
def test_limits(parts: tuple[bytes, ...], headers: dict[str, str], kind: type, says: str) -> None:
    asked = Asked(*parts, **headers)
    record = asyncio.run(ask(asked))
    assert (asked.status, record.status, record.error) == (kind.status, kind.status, kind.__name__)  # type: ignore[attr-defined]
    assert says in asked.body.decode()


def test_a_body_that_nobody_reads_is_not_limited() -> None:
    async def ignore(scope: Scope, receive: Receive, send: Send) -> None:
        await send_answer(Response(), scope, receive, send)

    asked = Asked(content_length="11")
    assert asyncio.run(ask(asked, ignore)).status == asked.status == 200


def test_a_client_that_leaves_gets_no_answer() -> None:
    asked = Asked(b"x", "http.disconnect")
    record = asyncio.run(ask(asked))
    assert (asked.sent, record.status, record.error) == ([], CLIENT_GONE, ClientGone.__name__)


def test_a_server_that_gives_up_is_recorded_like_a_client_that_leaves() -> None:
    async def main() -> RequestRecord:
        observer = Recorder()
        app = RecordRequest(wait, RequestFactory(SETTINGS, observer))
        task = asyncio.create_task(Asked(b"").of(app))
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        (record,) = observer.records
        return record

    record = asyncio.run(main())
    assert (record.status, record.error) == (CLIENT_GONE, ClientGone.__name__)


def test_an_error_after_the_answer_began_breaks_it_off_and_is_recorded() -> None:
    asked, observer = Asked(), Recorder()
    app = RecordRequest(AnswerErrors(fail_late), RequestFactory(SETTINGS, observer))
    with pytest.raises(NotFound):
        asyncio.run(asked.of(app))
    assert [message["type"] for message in asked.sent] == ["http.response.start"]
    assert [(record.status, record.error) for record in observer.records] == [(404, "NotFound")]


def test_a_host_that_cannot_be_one_is_refused_whatever_server_asks() -> None:
    asked = Asked(b"ab", path="/v1/x", host="a b")
    record = asyncio.run(ask(asked))
    assert (asked.status, record.status, record.error) == (400, 400, "Malformed")
    assert asyncio.run(ask(Asked(b"ab", path="/v1/x", host="models.example:8000"))).status == 200
