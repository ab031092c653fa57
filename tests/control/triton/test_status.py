"""The condition in an InferenceService's status, written to a small API server."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from control.triton.follow import Served
from control.triton.run import keep_current
from control.triton.status import Status, StatusError, in_cluster
from tests.loopback import Handler, Loopback

PATH = "/apis/serving.kserve.io/v1beta1/namespaces/ml/inferenceservices/slipway-triton/status"
READY = {"type": "Ready", "status": "True"}
SERVED = (Served("price", (3, 4), 4), Served("fraud", (1,), 1))


@dataclass
class Api(Loopback):
    """Holds one object; `refusals` are the next answers to changes."""

    conditions: list[dict[str, Any]] = field(default_factory=lambda: [READY])
    refusals: list[int] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    version: int = 1

    def handler(self) -> type[Handler]:
        api = self

        class Answers(Handler):
            def do_GET(self) -> None:
                self.answer(
                    200,
                    {"metadata": {"resourceVersion": str(api.version)}, "status": {"conditions": api.conditions}},
                )

            def do_PATCH(self) -> None:
                patch = json.loads(self.rfile.read(int(self.headers["content-length"])))
                assert self.headers["content-type"] == "application/merge-patch+json"
                assert patch["metadata"]["resourceVersion"] == str(api.version)
                if api.refusals:
                    status = api.refusals.pop(0)
                    # Somebody else was quicker.
                    api.version += 1
                    self.answer(
                        status, {"message": "the object has been modified" if status == 409 else "not allowed"}
                    )
                    return
                api.conditions = patch["status"]["conditions"]
                self.answer(200, {})

            def answer(self, status: int, body: Any) -> None:
                api.asked.append(f"{self.command} {self.path} {self.headers['authorization']}")
                content = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

        return Answers


@pytest.fixture
def account(tmp_path: Path) -> Path:
    (tmp_path / "token").write_text("hunter2\n")
    return tmp_path


def test_the_status_says_what_is_served_beside_kserves_conditions(account: Path) -> None:
    with Api() as api:
        status = Status(api.url, "ml", "slipway-triton", account)
        status.write(SERVED)
        ready, condition = api.conditions
        assert ready == READY
        assert (condition["type"], condition["status"], condition["reason"]) == (
            "VersionsServed",
            "True",
            "Current",
        )
        assert condition["message"] == "price 3, 4; fraud 1"
        status.write(SERVED)
        assert [line.split()[0] for line in api.asked] == ["GET", "PATCH", "GET"], "nothing has changed"
        status.write((Served("price", (3,), 4, "version 4: model.onnx is damaged"),))
        _, condition = api.conditions
        assert (condition["status"], condition["reason"]) == ("False", "Behind")
        assert condition["message"] == "price 3; price: version 4: model.onnx is damaged"
        assert set(api.asked) == {f"{method} {PATH} Bearer hunter2" for method in ("GET", "PATCH")}


def test_a_change_at_the_same_time_is_tried_again_and_a_refusal_is_not(account: Path) -> None:
    with Api(refusals=[409]) as api:
        Status(api.url, "ml", "slipway-triton", account).write(SERVED)
        assert len(api.conditions) == 2
    for refusals, tries in (([403], 1), ([409] * 3, 3)):
        with Api(refusals=refusals) as api:
            with pytest.raises(StatusError, match="not allowed|has been modified") as refused:
                Status(api.url, "ml", "slipway-triton", account).write(SERVED)
            assert "hunter2" not in str(refused.value)
            assert len([line for line in api.asked if line.startswith("PATCH")]) == tries


def test_the_crd_takes_the_condition(schemas: Path, account: Path) -> None:
    definition = json.loads((schemas / "kserve" / "inferenceservices.serving.kserve.io.json").read_text())
    (version,) = definition["spec"]["versions"]
    assert "status" in version["subresources"]
    known = version["schema"]["openAPIV3Schema"]["properties"]["status"]["properties"]["conditions"]["items"]
    with Api() as api:
        Status(api.url, "ml", "slipway-triton", account).write(SERVED)
    assert api.conditions[1].keys() <= known["properties"].keys()
    assert set(known["required"]) <= api.conditions[1].keys()


class Once:
    """A follower that has seen this."""

    def look(self) -> tuple[Served, ...]:
        return SERVED


def test_following_goes_on_without_an_api_server(
    account: Path, capsys: pytest.CaptureFixture[str], unused_port: int
) -> None:
    status = Status(f"http://127.0.0.1:{unused_port}", "ml", "slipway-triton", account)
    assert keep_current(Once(), 0, None, status) == SERVED
    assert f"error: cannot GET http://127.0.0.1:{unused_port}{PATH}" in capsys.readouterr().err
    with pytest.raises(StatusError, match="works inside a cluster only"):
        in_cluster("slipway-triton")
