"""A supervisor with a trainer of the test's own, and a gateway that answers for the apps it is told."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import msgspec
import pytest

from control.stack import supervisor
from control.stack.files.layout import Layout, make_run_folder
from control.stack.files.state import StackState
from control.stack.parts import TRAINER, Part
from control.stack.stop import stop

WORK = """
import os, signal, sys, time
from pathlib import Path
from control.stack.files.layout import Layout
from control.stack.processes import MARK
from control.stack.files.ledger import Ledger
from control.trainings.trainer import work

def train(app, progress):
    {train}

signal.signal(signal.SIGINT, signal.default_int_handler)
sys.exit(work(Ledger(Layout(Path({home!r})), os.environ[MARK]), train))
"""


@dataclass
class Gateway:
    """What the data plane says: apps that answer, and rows of versions that do not."""

    port: int = 0
    answers: set[str] = field(default_factory=set)
    rows: list[dict[str, str]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    """A server with the data plane's paths, as far as the stack asks."""
    known = Gateway()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            name = self.path.removeprefix("/v2/models/").partition("/")[0]
            self._answer(200 if self.path == "/v2/health/live" or name in known.answers else 503, b"{}")

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.path == "/v2/repository/index":
                self._answer(200, json.dumps(known.rows).encode())
                return
            known.asked.append(f"{self.path} {body.decode()}")
            name = self.path.removeprefix("/v1/models/").partition(":")[0]
            self._answer(200 if name in known.answers else 503, b"{}")

        def _answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        known.port = server.server_port
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield known
        server.shutdown()
        thread.join()


@pytest.fixture
def state(place: Path, gateway: Gateway) -> Iterator[StackState]:
    """A stack that has a gateway and can train, of which nothing runs yet."""
    layout = Layout.of(place / "home")
    layout.make()
    stack_id = uuid.uuid4().hex
    made = StackState(
        stack_id=stack_id,
        home=str(layout.home),
        run=str(make_run_folder(layout, stack_id)),
        model_repository=str(place / "models"),
        parts=("postgres", "mlflow", "ray", "gateway"),
        ports={"http_port": gateway.port, "mlflow_port": 0, "ray_port": 0},
        started=time.time(),
    )
    yield made
    stop(made)


@pytest.fixture
def supervise(state: StackState, root: Path) -> Callable[[str], StackState]:
    """Run a supervisor whose trainer trains by this Python statement; gives the stack it belongs to."""

    def run(train: str) -> StackState:
        script = state.layout.home / "trainer.py"
        script.write_text(WORK.format(train=train, home=state.home))
        command = [sys.executable, str(script)]
        part = Part(name=TRAINER, command=command, address="", ready=lambda: True, stop_signal="INT", is_task=True)
        environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(root)}
        return msgspec.structs.replace(state, supervisor_pid=supervisor.launch(state, [part], environ))

    return run
