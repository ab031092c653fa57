"""What Triton serves, over HTTP: for probes, and for people who ask a pod."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from dataclasses import asdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

from control.triton.follow import Served

__all__ = ["Report"]


class Report:
    """`GET /ready` is 200 once the repository was compared with Triton; `GET /` lists models and versions."""

    def __init__(self, port: int, host: str = "") -> None:
        self._served: Sequence[Served] | None = None
        report = self

        class Answers(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                """Answer any path; only `/ready` depends on the state."""
                ready = report._served is not None
                body = json.dumps([asdict(one) for one in report._served or ()]).encode() + b"\n"
                self.send_response(503 if self.path == "/ready" and not ready else 200)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *words: object) -> None:
                """Probes are not logged."""

        self._server = ThreadingHTTPServer((host, port), Answers)
        self._server.daemon_threads = True

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self._server.server_address[1])

    def show(self, served: Sequence[Served] | None) -> None:
        """Show a new state; None: Triton does not answer."""
        self._served = served

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *words: object) -> None:
        self._server.shutdown()
        self._server.server_close()
