"""The table of serving/README.md is the path of a request: a real one is followed through the whole stack."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from serving.hosting.composition import Server
from serving.hosting.listener import Listener
from serving.kernel.settings import Settings
from tests.architecture.source import ROOT
from tests.serving.edge.wire import ask, eventually, post
from tests.serving.toy import write_version

PREFIX = f"{ROOT}/serving/"
MOST = 15
QUESTION = b'{"instances": [{"a": 1.0, "b": 2.0}]}'
PERIODIC = ("on_tick", "_on_time", "_monitor")
"""Functions that run whether there are requests or not; `_monitor` is that of the thread that writes logs."""


class Followed:
    """The files of `serving` that are entered, in the order of their first function, while `following`."""

    def __init__(self) -> None:
        self.files: list[str] = []
        self.following = False

    def __call__(self, frame: FrameType, event: str, _: Any) -> None:
        """A profile function for every thread."""
        if not self.following or event != "call" or not frame.f_code.co_filename.startswith(PREFIX):
            return
        name = frame.f_code.co_filename.removeprefix(PREFIX)
        if name not in self.files and not periodic(frame):
            self.files.append(name)


def periodic(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_name in PERIODIC:
            return True
        frame = frame.f_back
    return False


@pytest.fixture
def listening(tmp_path: Path) -> Iterator[tuple[Followed, str]]:
    """A whole gateway with one version of the toy app, and what follows its threads."""
    write_version(tmp_path / "repository", 1)
    settings = Settings(
        home=tmp_path / "home",
        model_repository=tmp_path / "repository",
        http_port=0,
        grpc_port=0,
        log_file=str(tmp_path / "gateway.jsonl"),
        apps=("tests.serving.models.toy",),
        poll_seconds=3600,
    )
    path = Followed()
    threading.setprofile(path)
    try:
        server = Server(settings)
        listener = Listener(server.http, server.grpc, settings, on_start=server.open, on_stop=server.close)
        listener.start()
        eventually(server.dataplane.ready)
        yield path, f"127.0.0.1:{listener.ports.http}"
        listener.stop(1.0)
    finally:
        threading.setprofile(None)  # type: ignore[arg-type]


def table() -> list[str]:
    """The files in the second column of the first table, in order."""
    found = re.search(r"(?:^\|.*\n)+", (ROOT / "serving/README.md").read_text(), re.MULTILINE)
    assert found is not None
    cells = [row.split("|")[2] for row in found[0].splitlines()[2:]]
    return [name for cell in cells for name in re.findall(r"\]\(([\w/]+\.py)\)", cell)]


def test_the_table_is_the_path_of_a_request(listening: tuple[Followed, str]) -> None:
    path, address = listening
    raw = post(QUESTION)
    assert ask(address, raw)[0] == 200
    path.following = True
    status, _, body = ask(address, raw)
    path.following = False
    assert status == 200 and b'"total":3.0' in body
    assert path.files == table()


def test_the_way_through_starlette_is_in_the_document(listening: tuple[Followed, str]) -> None:
    path, address = listening
    path.following = True
    # A query string keeps a question off the hot lane.
    assert ask(address, post(QUESTION, "/v1/models/toy:predict?way=starlette"))[0] == 200
    path.following = False
    links = re.findall(r"\]\(([\w/]+\.py)\)", (ROOT / "serving/README.md").read_text())
    assert "edge/http/middleware.py" in path.files and set(path.files) <= set(links)


def test_the_path_is_short() -> None:
    assert len(table()) <= MOST
    assert [name for name in table() if not (ROOT / "serving" / name).exists()] == []
