"""A small API server: RayJobs that go through given states, pods with a log, and what a test wants to go wrong."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.loopback import Handler, Loopback

TOKEN = "hunter2-is-the-token"
JOBS = "/apis/ray.io/v1/namespaces/ml/rayjobs"
PODS = "/api/v1/namespaces/ml/pods"

State = tuple[str, str, str]
"""jobDeploymentStatus, jobStatus, message."""
DONE: State = ("Complete", "SUCCEEDED", "")


@dataclass
class FakeApi(Loopback):
    """Answers on loopback from `with` to its end."""

    states: list[State] = field(default_factory=lambda: [DONE])
    """One for each look; the last stays."""
    log: bytes = b"one\ntwo\n"
    cut: int = 0
    """The first stream of a log breaks off after so many bytes."""
    refusals: list[tuple[int, str]] = field(default_factory=list)
    """Status and message of the next answers, whatever is asked."""
    silent: float = 0.0
    """Seconds before each answer."""
    created: list[dict[str, Any]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def handler(self) -> type[Handler]:
        api = self

        class Answers(Handler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                if self.admitted():
                    api.created.append(json.loads(body))
                    self.answer(201, json.loads(body))

            def do_GET(self) -> None:
                if not self.admitted():
                    return
                path = urlsplit(self.path).path
                if path.startswith(JOBS):
                    self.answer(200, {**api.created[0], "status": api.state()} if api.created else {})
                elif path == PODS:
                    wanted = parse_qs(urlsplit(self.path).query)["labelSelector"][0].partition("=")[2]
                    self.answer(200, {"items": [{"metadata": {"name": f"{wanted}-x7k2p"}}]})
                elif path.startswith(PODS):
                    self.stream()
                else:
                    self.answer(404, {"kind": "Status", "message": "not found"})

            def admitted(self) -> bool:
                api.asked.append(f"{self.command} {self.path}")
                time.sleep(api.silent)
                if api.refusals:
                    status, said = api.refusals.pop(0)
                elif self.headers.get("authorization") != f"Bearer {TOKEN}":
                    status, said = 401, "Unauthorized"
                else:
                    return True
                self.answer(status, {"kind": "Status", "message": said, "code": status})
                return False

            def answer(self, status: int, content: dict[str, Any]) -> None:
                raw = json.dumps(content).encode()
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(raw)))
                self.end_headers()
                self.wfile.write(raw)

            def stream(self) -> None:
                self.send_response(200)
                self.send_header("transfer-encoding", "chunked")
                self.end_headers()
                part, api.cut = api.log[: api.cut] if api.cut else api.log, 0
                self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
                if part == api.log:
                    self.wfile.write(b"0\r\n\r\n")
                else:
                    self.close_connection = True

        return Answers

    def state(self) -> dict[str, str]:
        deployment, job, message = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        return {"jobDeploymentStatus": deployment, "jobStatus": job, "message": message}

    def kubeconfig(self, folder: Path, token: str = TOKEN) -> str:
        """Writes one that leads here; returns its path."""
        path = folder / "kubeconfig"
        path.write_text(
            json.dumps(
                {
                    "apiVersion": "v1",
                    "kind": "Config",
                    "current-context": "test",
                    "contexts": [
                        {"name": "test", "context": {"cluster": "c", "user": "u", "namespace": "ml"}},
                    ],
                    "clusters": [{"name": "c", "cluster": {"server": self.url}}],
                    "users": [{"name": "u", "user": {"token": token}}],
                }
            )
        )
        return str(path)
