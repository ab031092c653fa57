from __future__ import annotations

import json
import socket
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from control.stack.programs import probes
from serving.edge.application import HttpApplication
from serving.edge.grpc.door import GrpcDoor
from serving.edge.identity.key_file import editing, new_key
from serving.hosting.listener import Listener
from tests.serving.edge.toy import ToyPlane


class Handler(BaseHTTPRequestHandler):
    rows: ClassVar[list[dict[str, str]]] = []

    def do_POST(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(self.rows).encode())

    def do_GET(self) -> None:
        self.send_response(int(self.path.strip("/")))
        self.end_headers()

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.mark.parametrize(("status", "ready"), [(200, True), (204, False), (404, False), (503, False)])
def test_http_is_ready_on_200_only(status: int, ready: bool) -> None:
    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        assert probes.http(f"http://127.0.0.1:{server.server_port}/{status}") is ready
        thread.join()


def test_http_where_nobody_or_nonsense_answers() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        thread = threading.Thread(target=lambda: server.accept()[0].close())
        thread.start()
        assert not probes.http(f"http://127.0.0.1:{port}/")
        thread.join()
    assert not probes.http(f"http://127.0.0.1:{port}/")


@pytest.mark.parametrize(
    ("states", "refused"),
    [
        ({}, {}),
        ({"a 1": "READY"}, {}),
        ({"a 1": "UNAVAILABLE"}, {"a": "a 1: broken"}),
        ({"a 1": "UNAVAILABLE", "a 2": "UNAVAILABLE", "b 1": "READY"}, {"a": "a 1: broken; a 2: broken"}),
        ({"a 1": "UNAVAILABLE", "a 2": "LOADING"}, {}),
        ({"a 1": "UNAVAILABLE", "a 2": "READY", "b 1": "LOADING"}, {}),
        ({"a 1": "UNAVAILABLE", "b 3": "UNAVAILABLE"}, {"a": "a 1: broken", "b": "b 3: broken"}),
    ],
)
def test_an_app_is_refused_when_each_of_its_versions_is(states: dict[str, str], refused: dict[str, str]) -> None:
    class Rows(Handler):
        rows: ClassVar[list[dict[str, str]]] = [
            {"name": key[0], "version": key[2], "state": state, "reason": "broken"}
            for key, state in states.items()
        ]

    with HTTPServer(("127.0.0.1", 0), Rows) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        assert probes.refused(f"http://127.0.0.1:{server.server_port}") == refused
        thread.join()


def test_reasons_name_app_and_version() -> None:
    rows = [
        {"name": "a", "version": "1", "state": "READY", "reason": ""},
        {"name": "a", "version": "2", "state": "LOADING", "reason": "it is being loaded"},
        {"name": "b", "version": "7", "state": "UNAVAILABLE", "reason": "golden rows differ"},
    ]
    assert probes.reasons(rows) == "a 2: it is being loaded; b 7: golden rows differ"
    assert probes.reasons([]) == ""


def test_a_gateway_serves_when_each_app_answers_or_is_refused() -> None:
    class DataPlane(Handler):
        rows: ClassVar[list[dict[str, str]]] = [
            {"name": "refused", "version": "1", "state": "UNAVAILABLE", "reason": "broken"},
            {"name": "loading", "version": "1", "state": "LOADING", "reason": "it is being loaded"},
        ]

        def do_GET(self) -> None:
            good = self.path in {"/v2/health/live", "/v2/models/good/ready"}
            self.send_response(200 if good else 503)
            self.end_headers()

    with HTTPServer(("127.0.0.1", 0), DataPlane) as server:
        url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            for apps in ((), ("good",), ("good", "refused")):
                assert probes.serves(url, apps), apps
            for apps in (("loading",), ("good", "refused", "loading"), ("unseen",)):
                assert not probes.serves(url, apps), apps
        finally:
            server.shutdown()
            thread.join()
    assert not probes.serves(url, ())


def test_a_gateway_that_asks_who_calls_gets_the_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with editing(tmp_path) as (pepper, found):
        key, record = new_key(pepper, "stack", ("predict", "operations"))
        weak, other = new_key(pepper, "stack", ("predict",))
        found.keys += [record, other]
    plane = ToyPlane()
    plane.settings = replace(plane.settings, key_folder=str(tmp_path))
    doors = Listener(HttpApplication(plane), GrpcDoor(plane), plane.settings)
    doors.start()
    try:
        url = f"http://127.0.0.1:{doors.ports.http}"
        monkeypatch.delenv("SLIPWAY_API_KEY", raising=False)
        assert not probes.serves(url, ("toy",)) and probes.index(url) is None
        assert "needs a key or token" in probes.denied(url)
        monkeypatch.setenv("SLIPWAY_API_KEY", weak)
        assert probes.serves(url, ("toy",)) and "needs the scope 'operations'" in probes.denied(url)
        monkeypatch.setenv("SLIPWAY_API_KEY", key)
        assert probes.index(url) and probes.denied(url) == ""
    finally:
        doors.stop(1.0)
    assert probes.denied(url) == ""


def test_who_does_not_answer_refuses_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert probes.refused(f"http://127.0.0.1:{port}") == {}


def test_database_that_is_not_there(tmp_path: Path) -> None:
    assert not probes.database(f"postgresql://postgres@/postgres?host={tmp_path}", "x")


def test_ray_needs_its_file_and_its_port(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert not probes.ray(tmp_path, port)
        (tmp_path / "ray_current_cluster").touch()
        assert probes.ray(tmp_path, port)
    assert not probes.ray(tmp_path, port)
