"""Uploads through a whole HTTP server, over real sockets."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import pytest

from serving.edge.application import HttpApplication
from serving.edge.grpc.door import GrpcDoor
from serving.edge.http.routes import Route
from serving.edge.http.uploads import MAX_FIELDS_BYTES, uploaded
from serving.edge.request_life import Answer, Request, Response
from serving.hosting.listener import Listener
from serving.observe.request_record import CLIENT_GONE
from tests.serving.edge.toy import Recorder, ToyPlane
from tests.serving.edge.wire import ask, connected, eventually, post, read_answer

LIMIT = 4 * 2**20
PATH = "/v1/uploads"
BIG = os.urandom(3 * 2**20 + 17)


@dataclass
class Uploads:
    """A server that takes uploads; a file called `keep` is moved, one called `wait` keeps its handler busy."""

    folder: Path
    recorder: Recorder = field(default_factory=Recorder)
    address: str = ""
    begun: int = 0

    async def take(self, request: Request) -> Answer:
        async with uploaded(request, self.folder) as upload:
            self.begun += 1
            if upload.filename == "keep":
                upload.path.rename(self.folder / "kept")
            if upload.filename == "wait":
                await asyncio.sleep(120)
            facts = {
                "size": upload.size,
                "sha256": upload.sha256,
                "name": upload.filename,
                "fields": upload.fields,
            }
            return Response(msgspec.json.encode(facts))

    def left(self) -> list[str]:
        return sorted(path.name for path in self.folder.iterdir())


@pytest.fixture
def uploads(tmp_path: Path) -> Iterator[Uploads]:
    made, plane = Uploads(tmp_path), ToyPlane()
    route = Route("POST", PATH, made.take, reads_body=False, max_body_bytes=LIMIT, scope=None)
    listener = Listener(HttpApplication(plane, made.recorder, extra=[route]), GrpcDoor(plane), plane.settings)
    listener.start()
    made.address = f"127.0.0.1:{listener.ports.http}"
    yield made
    listener.stop(1.0)


def form(*parts: tuple[str, str, bytes], boundary: str = "b0") -> bytes:
    """Parts are name, file name (empty: a field) and content."""
    made = b""
    for name, filename, content in parts:
        disposition = f'form-data; name="{name}"' + (f'; filename="{filename}"' if filename else "")
        made += f"--{boundary}\r\nContent-Disposition: {disposition}\r\n\r\n".encode() + content + b"\r\n"
    return made + f"--{boundary}--\r\n".encode()


FORM = {"content_type": "multipart/form-data; boundary=b0"}


def test_a_body_of_any_type(uploads: Uploads) -> None:
    assert len(BIG) > ToyPlane().settings.max_body_bytes, "the route has a limit of its own"
    for content in (BIG, b"", b"small"):
        status, _, body = ask(uploads.address, post(content, PATH, content_type="application/pdf"))
        assert status == 200
        assert json.loads(body) == {
            "size": len(content),
            "sha256": hashlib.sha256(content).hexdigest(),
            "name": "",
            "fields": {},
        }
    assert uploads.left() == []


def test_a_form(uploads: Uploads) -> None:
    raw = form(("title", "", "Règle".encode()), ("file", "doc.pdf", BIG), ("lang", "", b"fr"))
    status, _, body = ask(uploads.address, post(raw, PATH, **FORM))
    found = json.loads(body)
    assert (status, found["size"], found["sha256"]) == (200, len(BIG), hashlib.sha256(BIG).hexdigest())
    assert (found["name"], found["fields"]) == ("doc.pdf", {"title": "Règle", "lang": "fr"})
    assert uploads.left() == []


def test_a_form_in_small_pieces_and_a_compressed_one(uploads: Uploads) -> None:
    raw = form(("file", "a.txt", b"0123456789" * 50))
    expected = hashlib.sha256(b"0123456789" * 50).hexdigest()
    whole = post(raw, PATH, **FORM)
    with connected(uploads.address) as connection:
        for start in range(0, len(whole), 23):
            connection.sendall(whole[start : start + 23])
            time.sleep(0.001)
        assert json.loads(read_answer(connection)[2])["sha256"] == expected
    packed = post(gzip.compress(raw), PATH, content_encoding="gzip", **FORM)
    assert json.loads(ask(uploads.address, packed)[2])["sha256"] == expected


def test_a_handler_may_keep_the_file(uploads: Uploads) -> None:
    assert ask(uploads.address, post(form(("file", "keep", b"content")), PATH, **FORM))[0] == 200
    assert uploads.left() == ["kept"] and (uploads.folder / "kept").read_bytes() == b"content"


@pytest.mark.parametrize(
    ("raw", "headers", "status", "says"),
    [
        (form(("file", "a", b"x"), ("file", "b", b"y")), FORM, 400, "exactly one file, got 2"),
        (form(("title", "", b"x")), FORM, 400, "exactly one file, got 0"),
        (form(("file", "a", b"x"))[:-8], FORM, 400, "ends too early"),
        (b"nothing of the kind", FORM, 400, "not valid multipart/form-data"),
        (b"x", {"content_type": "multipart/form-data"}, 400, "must have a boundary"),
        (
            form(("file", "a", b"x")).replace(b'name="file"; ', b"").replace(b'filename="a"', b"x"),
            FORM,
            400,
            "name",
        ),
        (form(("title", "", b"x" * (MAX_FIELDS_BYTES + 1))), FORM, 413, "fields of the form"),
        (bytes(LIMIT + 1), {}, 413, f"at most {LIMIT}"),
        (gzip.compress(bytes(LIMIT + 1)), {"content_encoding": "gzip"}, 413, "decompressed body"),
        (b"half", {"content_length": 1000, "x_request_timeout_ms": 200}, 408, "did not arrive"),
    ],
)
def test_what_is_refused_leaves_nothing(
    uploads: Uploads, raw: bytes, headers: dict[str, object], status: int, says: str
) -> None:
    found, _, body = ask(uploads.address, post(raw, PATH, **headers))
    assert (found, says in json.loads(body)["detail"]) == (status, True), body
    assert uploads.left() == [] and uploads.begun == 0


def test_a_client_that_leaves_while_it_sends(uploads: Uploads) -> None:
    with connected(uploads.address) as connection:
        connection.sendall(post(BIG, PATH)[: 2 * 2**20])
        eventually(lambda: len(uploads.left()) == 1)
    eventually(lambda: uploads.left() == [])
    eventually(lambda: uploads.recorder.running == 0)
    assert [(record.status, record.error) for record in uploads.recorder.records] == [(CLIENT_GONE, "ClientGone")]


def test_a_client_that_leaves_while_its_file_is_read(uploads: Uploads) -> None:
    with connected(uploads.address) as connection:
        connection.sendall(post(form(("file", "wait", b"x")), PATH, **FORM))
        eventually(lambda: uploads.begun == 1)
        assert len(uploads.left()) == 1
    eventually(lambda: uploads.left() == [])
    eventually(lambda: uploads.recorder.running == 0)
    assert [(record.status, record.error) for record in uploads.recorder.records] == [(CLIENT_GONE, "ClientGone")]
