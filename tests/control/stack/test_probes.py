from __future__ import annotations

import socket
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from control.stack import probes


class Handler(BaseHTTPRequestHandler):
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


def test_database_that_is_not_there(tmp_path: Path) -> None:
    assert not probes.database(f"postgresql://postgres@/postgres?host={tmp_path}", "x")


def test_ray_needs_its_file_and_its_port(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert not probes.ray(tmp_path, port)
        (tmp_path / "ray_current_cluster").touch()
        assert probes.ray(tmp_path, port)
    assert not probes.ray(tmp_path, port)
