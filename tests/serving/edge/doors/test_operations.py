from __future__ import annotations

import json
import re

import pytest

from serving.edge.doors.operations import ASSETS
from tests.serving.edge.conftest import Server
from tests.serving.edge.wire import ask


def get(server: Server, path: str) -> tuple[int, dict[str, str], bytes]:
    return ask(server.http, f"GET {path} HTTP/1.1\r\nhost: x\r\n\r\n".encode())


def test_the_page_loads_only_from_here(server: Server) -> None:
    status, headers, body = get(server, "/docs")
    assert status == 200 and headers["content-type"].startswith("text/html")
    assert "script-src 'self';" in headers["content-security-policy"]
    links = re.findall(r'(?:src|href)="([^"]+)"', body.decode())
    assert len(links) == 4 and all(link.startswith("/docs/") for link in links)
    for link in links:
        status, headers, content = get(server, link)
        assert status == 200 and len(content) == int(headers["content-length"]) > 50
    assert b"<script>" not in body, "inline script would be blocked by the policy"


@pytest.mark.parametrize("name", ["..", "swagger-ui.js.map", "index.html", "%2e%2e%2fetc"])
def test_no_other_file(server: Server, name: str) -> None:
    status, _, body = get(server, f"/docs/{name}")
    assert status == 404 and b"swagger_ui_bundle" not in body
    assert name not in ASSETS


def test_metrics_and_health(server: Server) -> None:
    status, headers, body = get(server, "/metrics")
    assert (status, headers["content-type"], body) == (200, "text/plain; version=0.0.4", b"up 1\n")


def test_health_and_routes_are_those_of_ray_serve(server: Server) -> None:
    for path, body in (("/-/healthz", b"success"), ("/-/routes", b'{"/":"slipway"}')):
        assert get(server, path)[::2] == (200, body)
    server.plane.is_ready = False
    try:
        assert [get(server, path)[0] for path in ("/-/healthz", "/-/routes")] == [503, 503]
    finally:
        server.plane.is_ready = True


def test_every_link_exists(server: Server) -> None:
    root = json.loads(get(server, "/")[2])
    assert root["status"] == "alive", "kserve's v1 client asks for it"
    assert all(get(server, link)[0] == 200 for link in root["links"])
