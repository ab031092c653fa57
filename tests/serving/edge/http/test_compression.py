from __future__ import annotations

import asyncio
import gzip
import json
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.edge.http.compression import SLICE, DecompressBody
from serving.edge.http.request_body import read_body
from serving.edge.http.routes import REQUEST
from serving.edge.request_life import RequestFactory
from serving.kernel.errors import Malformed, TooLarge, UnsupportedMedia
from serving.kernel.settings import Settings
from tests.serving.edge.asgi import Asked
from tests.serving.edge.conftest import Server
from tests.serving.edge.wire import ask, instances, post

LIMIT = 2**20


def decompressed(*parts: bytes, coding: str = "gzip") -> bytes:
    """What a route reads of a compressed body."""
    asked, found = Asked(*parts, content_encoding=coding), bytearray()

    async def read(scope: object, receive: object, send: object) -> None:
        found.extend(await read_body(receive))  # type: ignore[arg-type]

    asked.scope[REQUEST] = RequestFactory(Settings(max_body_bytes=LIMIT)).http(
        "POST", dict(asked.scope["headers"]), "v1", "", {}
    )
    asyncio.run(asked.of(DecompressBody(read)))
    return bytes(found)


@given(st.binary(max_size=3000), st.integers(1, 400), st.binary(max_size=100))
def test_a_body_in_any_pieces_comes_out_as_it_was(body: bytes, size: int, second: bytes) -> None:
    packed = gzip.compress(body) + gzip.compress(second)
    pieces = [packed[start : start + size] for start in range(0, len(packed), size)]
    assert decompressed(*pieces) == body + second


def test_large_bodies() -> None:
    body = bytes(LIMIT)
    assert LIMIT > 2 * SLICE and decompressed(gzip.compress(body)) == body
    assert decompressed(b"plain", coding="identity") == b"plain"


BAD: dict[str, tuple[Callable[[], bytes], type[Exception], str]] = {
    "one byte too large": (lambda: gzip.compress(bytes(LIMIT + 1)), TooLarge, "body has more than the 1048576"),
    "a bomb": (lambda: gzip.compress(bytes(2**26)), TooLarge, "decompressed body"),
    "cut": (lambda: gzip.compress(b"whole")[:-4], Malformed, "ends too early"),
    "empty": (lambda: b"", Malformed, "ends too early"),
    "plain": (lambda: b'{"instances": []}', Malformed, "not valid gzip"),
    "more behind it": (lambda: gzip.compress(b"one") + b"rest", Malformed, "not valid gzip"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_gzip(name: str) -> None:
    packed, error, says = BAD[name]
    with pytest.raises(error, match=says):
        decompressed(packed())


def bare(body: bytes) -> bytes:
    """Deflate without the wrapper that its standard asks for, as some clients send it."""
    made = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return made.compress(body) + made.flush()


@given(st.binary(max_size=3000), st.integers(1, 400), st.sampled_from([zlib.compress, bare]))
def test_deflate_with_and_without_its_wrapper(body: bytes, size: int, pack: Callable[[bytes], bytes]) -> None:
    packed = pack(body)
    pieces = [packed[start : start + size] for start in range(0, len(packed), size)]
    assert decompressed(*pieces, coding="deflate") == body
    assert decompressed(gzip.compress(body), coding="x-gzip") == body


BAD_DEFLATE: dict[str, tuple[Callable[[], bytes], type[Exception], str]] = {
    "a bomb": (lambda: zlib.compress(bytes(2**26)), TooLarge, "decompressed body"),
    "cut": (lambda: zlib.compress(b"whole")[:-4], Malformed, "deflate data of the body ends too early"),
    "empty": (lambda: b"", Malformed, "ends too early"),
    "plain": (lambda: b'{"instances": []}', Malformed, "not valid deflate"),
    "more behind it": (lambda: zlib.compress(b"one") + b"rest", Malformed, "bytes follow the deflate data"),
    "more behind it, bare": (lambda: bare(b"one") + b"rest", Malformed, "bytes follow the deflate data"),
}


@pytest.mark.parametrize("name", BAD_DEFLATE)
def test_bad_deflate(name: str) -> None:
    packed, error, says = BAD_DEFLATE[name]
    with pytest.raises(error, match=says):
        decompressed(packed(), coding="deflate")


@pytest.mark.parametrize("coding", ["br", "gzip, gzip", "x" * 90])
def test_other_codings_are_refused(coding: str) -> None:
    with pytest.raises(UnsupportedMedia, match="not supported; send the body uncompressed"):
        decompressed(b"x", coding=coding)


@pytest.mark.parametrize(
    ("coding", "pack"), [("gzip", gzip.compress), ("deflate", zlib.compress), ("deflate", bare)]
)
@pytest.mark.parametrize("path", ["/v1/models/toy:predict", "/v1/models/toy:explain"])
def test_a_compressed_question_is_answered_like_a_plain_one(
    server: Server, path: str, coding: str, pack: Callable[[bytes], bytes]
) -> None:
    plain = ask(server.http, post(instances(), path, x_request_id="same"))
    packed = ask(server.http, post(pack(instances()), path, x_request_id="same", content_encoding=coding))
    for _, headers, _ in (plain, packed):
        headers.pop("date")
    assert plain == packed and plain[0] == 200


def test_a_gzip_bomb_is_refused(server: Server) -> None:
    bomb = gzip.compress(bytes(2**26))
    assert len(bomb) < server.plane.settings.max_body_bytes
    status, _, body = ask(server.http, post(bomb, content_encoding="gzip"))
    assert status == 413 and "decompressed" in json.loads(body)["detail"]


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [("gzip, deflate", "gzip"), ("br;q=1.0, gzip;q=0.5", "gzip"), ("gzip;q=0", None), ("br", None)],
)
def test_large_answers_are_compressed_for_clients_that_accept_it(
    server: Server, accepted: str, coding: str | None
) -> None:
    status, headers, body = ask(
        server.http, f"GET /openapi.json HTTP/1.1\r\nhost: x\r\naccept-encoding: {accepted}\r\n\r\n".encode()
    )
    assert (status, headers.get("content-encoding")) == (200, coding)
    text = gzip.decompress(body) if coding else body
    assert json.loads(text)["openapi"] == "3.1.0"


def test_small_answers_are_not(server: Server) -> None:
    raw = b"GET /v2 HTTP/1.1\r\nhost: x\r\naccept-encoding: gzip\r\n\r\n"
    assert "content-encoding" not in ask(server.http, raw)[1]
