"""Both clients against real gateways, and against a server that misbehaves."""

from __future__ import annotations

import json
import os
import signal
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import numpy as np
import pandas as pd
import pytest

from serving.edge.codec.datatypes import DATATYPES
from slipway_client import (
    BadAnswer,
    Client,
    DeadlineExceeded,
    Failed,
    Invalid,
    NotFound,
    Overloaded,
    TooLarge,
    Unauthorized,
    Unavailable,
)
from slipway_client.core.tensors import DTYPES
from tests.serving.edge.toy import ToyPlane
from tests.serving.edge.wire import eventually
from tests.slipway_client.faulty import Faulty, Script, answer, close_after, drip, hold

Connect = Callable[..., Any]
QUESTION = {"horizon": 7, "history": [{"price": 100.0}]}
OK = answer(body=b'{"predictions": [{"p": 1}], "model_version": "3"}')


def question(market: str) -> dict[str, Any]:
    return {**QUESTION, "market": market}


def test_every_form_of_rows_gets_the_same_numbers(connect: Connect, added_url: str) -> None:
    client = connect(added_url)
    frame = pd.DataFrame({"b": [2.0, 4.0], "a": [1, 3]}, index=[7, 9])
    assert client.predict("sum", {"a": 1, "b": 2}) == {"total": 12}
    assert client.predict("sum", [[1, 2], [3, 4]]) == [{"total": 12}, {"total": 34}]
    pd.testing.assert_frame_equal(
        client.predict("sum", frame), pd.DataFrame({"total": [12.0, 34.0]}, index=[7, 9])
    )
    array = client.predict("sum", np.array([[1, 2], [3, 4]]))
    assert array.tolist() == [[12], [34]] and array.dtype == np.float32
    assert client.infer("sum", {"features": [[1, 2]]})["total"].tolist() == [[12]]
    assert client.predict("sum", np.array([[1, 2]]), version=1).tolist() == [[3]]
    pinned = client.predict("sum", [[1, 2]], version=1)
    assert (pinned, pinned.version) == ([{"total": 3}], "1")


def test_a_frame_of_polars_gets_the_same_numbers(connect: Connect, added_url: str) -> None:
    polars = pytest.importorskip("polars")
    found = connect(added_url).predict("sum", polars.DataFrame({"a": [1, 3], "b": [2, 4]}))
    assert found.to_dicts() == [{"total": 12}, {"total": 34}]


def test_wrong_columns_are_errors_that_name_them(connect: Connect, added_url: str) -> None:
    client = connect(added_url)
    with pytest.raises(Invalid, match="not a known field; allowed: a, b") as found:
        client.predict("sum", pd.DataFrame({"a": [1], "c": [2]}))
    assert (found.value.field, found.value.status) == ("$.instances[0].c", 422)
    with pytest.raises(Invalid) as missing:
        client.predict("sum", pd.DataFrame({"a": [1.0, np.nan], "b": [2, 3]}))
    assert missing.value.field == "$.instances[1].a", "NaN is sent as null"
    with pytest.raises(Invalid, match="must be"):
        client.predict("sum", np.ones((1, 3)))


def test_large_input_is_cut_and_joined(connect: Connect, added_url: str) -> None:
    client = connect(added_url, timeout=60)
    rows = np.arange(10_000, dtype=np.float64).reshape(5000, 2)
    expected = (rows @ np.array([[10.0], [1.0]])).astype(np.float32)
    np.testing.assert_array_equal(client.predict("sum", rows), expected)
    small = connect(added_url, timeout=60, max_rows=40)
    found = small.predict("sum", [*rows[:100].tolist()])
    assert [one["total"] for one in found] == expected[:100, 0].tolist() and found.version == "2"
    with pytest.raises(Invalid) as error:
        small.predict("sum", [[1, 2]] * 50 + [[1, "x"]])
    assert error.value.field.startswith("$.instances[50]")


def test_more_rows_than_the_server_allows_are_refused_by_it(connect: Connect, added_url: str) -> None:
    with pytest.raises(TooLarge, match="at most 4096"):
        connect(added_url, max_rows=5000).predict("sum", np.ones((4097, 2)))


def test_what_the_server_is_and_has(connect: Connect, toy: tuple[ToyPlane, str]) -> None:
    client = connect(f"{toy[1]}/")
    assert client.models() == ["every", "toy"]
    assert client.metadata().name == "slipway"
    found = client.metadata("toy", version=2)
    assert found.versions == ("1", "2", "3") and found.inputs[0].shape == (-1, 2)
    assert client.ready() and client.ready("toy", version=1)
    assert client.explain("toy", QUESTION) == {"parts": {"price": 1.0}}
    assert "/v1/models/toy:predict" in client.openapi()["paths"]
    assert repr(client) == f"Client('{toy[1]}')" or "Awaited" in repr(client)


def test_every_datatype_goes_there_and_back(connect: Connect, toy: tuple[ToyPlane, str]) -> None:
    assert DTYPES.keys() == DATATYPES.keys()
    sent = {f"in_{name}": np.array([[0, 1], [1, 0]]).astype(dtype) for name, dtype in DTYPES.items()}
    sent["in_BYTES"] = np.array([["", "é"], ["a b", "\0"]], object)
    client = connect(toy[1])
    found = client.infer("every", sent, version=1)
    for name, array in sent.items():
        back = found[name.replace("in_", "out_")]
        np.testing.assert_array_equal(back, array)
        assert back.dtype == array.dtype and back.flags.writeable
    assert list(client.infer("every", sent, outputs=["out_FP32"])) == ["out_FP32"]


@pytest.mark.parametrize(
    ("market", "kind", "status"),
    [
        ("nowhere", Invalid, 422),
        ("busy", Overloaded, 503),
        ("cold", Unavailable, 503),
        ("broken", Failed, 500),
        ("sleep", DeadlineExceeded, None),
    ],
)
def test_each_fault_of_a_gateway_has_its_error(
    connect: Connect, toy: tuple[ToyPlane, str], market: str, kind: type[Exception], status: int | None
) -> None:
    client = connect(toy[1], retries=0)
    with pytest.raises(kind) as found:
        client.predict("toy", question(market), request_id="mine", timeout=0.2 if market == "sleep" else None)
    assert type(found.value) is kind
    assert found.value.request_id == "mine" and found.value.status in (status, 504)
    assert toy[0].calls[-1].request_id == "mine"


def test_what_is_not_there_is_named(connect: Connect, toy: tuple[ToyPlane, str]) -> None:
    client = connect(toy[1])
    for ask in (
        lambda: client.predict("nothing", {"a": 1}),
        lambda: client.predict("no/thing", np.ones((1, 2))),
        lambda: client.predict("toy", QUESTION, version=9),
        lambda: client.explain("every", QUESTION),
    ):
        with pytest.raises(NotFound):
            ask()


def test_the_deadline_reaches_the_gateway(connect: Connect, toy: tuple[ToyPlane, str]) -> None:
    connect(toy[1], timeout=40).predict("toy", QUESTION)
    assert 5 < toy[0].calls[-1].remaining() <= 40, "more than the gateway's own 5 seconds"


def test_a_server_that_is_not_there_is_unavailable(connect: Connect) -> None:
    with socket.create_server(("127.0.0.1", 0)) as place:
        port = place.getsockname()[1]
    client = connect(f"http://127.0.0.1:{port}")
    assert client.ready() is False
    with pytest.raises(Unavailable, match="no connection to"):
        client.predict("m", {"a": 1})


def test_what_was_refused_is_sent_again_on_the_same_connection(connect: Connect) -> None:
    busy = answer(503, b'{"detail": "full", "type": "urn:slipway:problem:overloaded"}', retry_after="0")
    with Faulty([busy, answer(429), OK]) as server:
        assert connect(server.url, api_key="key").predict("m", {"a": 1}) == {"p": 1}
        assert len(server.asked) == 3 and server.connections == 1
        assert {asked.headers["authorization"] for asked in server.asked} == {"Bearer key"}
        assert len({asked.headers["x-request-id"] for asked in server.asked}) == 1
        assert json.loads(server.asked[2].body) == {"instances": [{"a": 1}]}


@pytest.mark.parametrize(
    ("script", "kind"),
    [
        (close_after(b""), Unavailable),
        (close_after(b"HTTP/1.1 200 OK\r\ncontent-le"), Unavailable),
        (close_after(answer(body=b'{"predic', length=100)), Unavailable),
        (close_after(OK + b"more than it said"), None),
        (close_after(answer(body=OK[-40:], length=20)), BadAnswer),
        (close_after(answer(length=-5)), BadAnswer),
        (close_after(answer(transfer_encoding="chunked", body=b"zz\r\n")), BadAnswer),
        (close_after(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"), BadAnswer),
        (close_after(b"HTTP/1.1 200 OK\r\n" + b"x: " + b"y" * 200_000), BadAnswer),
        (answer(body=b"<html>Welcome</html>"), BadAnswer),
        (answer(body=b'{"predictions": []}'), BadAnswer),
        (answer(content_encoding="gzip"), BadAnswer),
        (answer(302, location="https://login.example"), BadAnswer),
        (answer(401, b'{"detail": "a key is needed"}'), Unauthorized),
        (answer(404, b""), NotFound),
        (hold(), DeadlineExceeded),
        (hold(OK[:-5]), DeadlineExceeded),
        (drip(OK.replace(b"\r\n\r\n", b"\r\nx: " + b"y" * 2000 + b"\r\n\r\n")), DeadlineExceeded),
        (drip(answer(body=b" " * 2000)), DeadlineExceeded),
    ],
)
def test_an_answer_that_is_none_is_one_error_and_is_asked_once(
    connect: Connect, script: bytes | Script, kind: type[Exception] | None
) -> None:
    with Faulty([script]) as server:
        client = connect(server.url, timeout=0.3 if kind is DeadlineExceeded else 30)
        if kind is None:
            assert client.predict("m", {"a": 1}) == {"p": 1}
        else:
            with pytest.raises(kind) as found:
                client.predict("m", {"a": 1})
            assert type(found.value) is kind and found.value.request_id
        assert len(server.asked) == 1
        client.close()


def test_after_a_broken_answer_the_next_question_has_a_connection_of_its_own(connect: Connect) -> None:
    with Faulty([close_after(OK[:-5]), OK]) as server:
        client = connect(server.url)
        with pytest.raises(Unavailable):
            client.predict("m", {"a": 1})
        assert client.predict("m", {"a": 1}) == {"p": 1}
        assert [asked.connection for asked in server.asked] == [1, 2]
        client.close()


@pytest.mark.parametrize("extra", [b"", b" " * 100_000])
def test_an_answer_beyond_the_limit_is_not_read(connect: Connect, extra: bytes) -> None:
    body = OK.partition(b"\r\n\r\n")[2]
    longer = body + (extra or b" ")
    pieces = b"%x\r\n%b\r\n0\r\n\r\n" % (len(longer), longer)
    chunked = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + pieces
    with Faulty([OK, answer(body=longer), chunked, hold(chunked[:-7]) if extra else chunked, OK]) as server:
        client = connect(server.url, max_answer_bytes=len(body), timeout=30)
        assert client.predict("m", {"a": 1}) == {"p": 1}
        for _ in range(3):
            with pytest.raises(BadAnswer, match=f"is too long .*more than {len(body)} bytes.*max_answer_bytes"):
                client.predict("m", {"a": 1})
        assert client.predict("m", {"a": 1}) == {"p": 1}
        assert len(server.asked) == 5
        client.close()


def test_a_process_that_forks_keeps_its_connection_for_itself() -> None:
    with Faulty([OK]) as server, Client(server.url) as client:
        client.predict("m", {"a": 1})
        child = os.fork()
        if not child:
            signal.alarm(60)
            with suppress(BaseException):
                os._exit(0 if client.predict("m", {"a": 2}) == {"p": 1} else 1)
            os._exit(2)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        client.predict("m", {"a": 3})
        assert [(asked.connection, json.loads(asked.body)["instances"][0]["a"]) for asked in server.asked] == [
            (1, 1),
            (2, 2),
            (1, 3),
        ]


def test_connections_are_used_again_until_they_are_old(connect: Connect) -> None:
    with Faulty([OK]) as server:
        young = connect(server.url)
        for _ in range(3):
            young.predict("m", {"a": 1})
        assert server.connections == 1
        young.close()
        old = connect(server.url, connection_age=1e-9)
        for _ in range(3):
            old.predict("m", {"a": 1})
        assert server.connections == 4
        old.close()


def test_calls_wait_for_a_free_connection() -> None:
    with (
        Faulty([hold(), OK]) as server,
        Client(server.url, max_connections=1) as client,
        ThreadPoolExecutor() as pool,
    ):
        first = pool.submit(client.predict, "m", {"a": 1}, timeout=0.5)
        eventually(lambda: len(server.asked) == 1)
        with pytest.raises(DeadlineExceeded, match="all connections of this client are busy"):
            client.predict("m", {"a": 1}, timeout=0.05)
        assert client.predict("m", {"a": 1}) == {"p": 1}
        assert isinstance(first.exception(), DeadlineExceeded)
        assert len(server.asked) == 2


def test_threads_share_a_client(added_url: str) -> None:
    with Client(added_url, timeout=60) as client, ThreadPoolExecutor(30) as pool:
        found = list(pool.map(lambda at: client.predict("sum", {"a": at, "b": 0}, version=1), range(100)))
    assert [one["total"] for one in found] == list(range(100))


def test_the_environment_is_not_used(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    with Faulty([OK]) as server:
        client = connect(server.url)
        assert client.predict("m", {"a": 1}) == {"p": 1}
        client.close()
