from __future__ import annotations

import ast
from pathlib import Path

from serving.edge.application import HttpApplication
from serving.edge.grpc.door import GrpcDoor
from serving.hosting.listener import Listener
from tests.control.conftest import Slipway
from tests.serving.edge.toy import ToyPlane


def test_it_writes_the_types_of_a_gateway(slipway: Slipway, tmp_path: Path) -> None:
    plane = ToyPlane()
    doors = Listener(HttpApplication(plane), GrpcDoor(plane), plane.settings)
    doors.start()
    try:
        out = tmp_path / "models.py"
        done = slipway.run("client", "toy", "--url", f"http://127.0.0.1:{doors.ports.http}", "--out", str(out))
        assert done.returncode == 0, done.stderr
        shown = slipway.run("client", "toy", SLIPWAY_HTTP_PORT=str(doors.ports.http))
        assert ast.dump(ast.parse(shown.stdout)) == ast.dump(ast.parse(out.read_text()))
        assert "TOY: Model[Question, Answer, Explanation]" in shown.stdout
        unknown = slipway.run("client", "nothing", SLIPWAY_HTTP_PORT=str(doors.ports.http))
        assert unknown.returncode == 1 and "there are every, toy" in unknown.stderr
    finally:
        doors.stop(1.0)


def test_without_a_gateway_it_says_how_to_start_one(slipway: Slipway) -> None:
    done = slipway.run("client", SLIPWAY_HTTP_PORT="1")
    assert done.returncode == 1
    assert "no connection to http://127.0.0.1:1" in done.stderr and "`slipway up`" in done.stderr
