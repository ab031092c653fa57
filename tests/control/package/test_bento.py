"""A bento that is really built and really served, beside the gateway's own application."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from control.errors import PackageError
from control.package import bento
from control.package.chosen import Chosen, choose
from serving.hosting.composition import Server
from serving.kernel.settings import Settings
from tests.serving import added

QUESTIONS = {
    "instances": [
        {"first": {"price": 2.5}, "day": "2026-01-02"},
        {"first": {"price": 3}, "second": {"price": 0.125}},
    ]
}
WRONG: list[Any] = [
    {"instances": []},
    {"instances": [{"first": {"price": -1}}]},
    {"instances": [{"first": {"price": 1}}, {"first": {"price": 13}}]},
    {"instances": [{"first": {"price": 1}, "colour": "red"}]},
    {"instances": [{}]},
]


def test_the_context_holds_all_that_a_bento_needs(chosen: Chosen, tmp_path: Path) -> None:
    pytest.importorskip("bentoml", reason="BentoML is not installed: `make test` installs it")
    bento.write_context(chosen, tmp_path / "context")
    assert sorted(path.name for path in (tmp_path / "context").iterdir()) == [
        "README.md",
        "bentofile.yaml",
        "model-repository",
        "requirements.txt",
        "service.py",
        "serving",
        "shop",
        "slipway.json",
    ]
    pins = (tmp_path / "context" / "requirements.txt").read_text().splitlines()
    assert all("==" in line for line in pins)
    names = {line.partition("==")[0] for line in pins}
    assert {"bentoml", "onnxruntime", "msgspec"} <= names
    assert not names & {"ray", "slipway", "mlflow"}
    built = msgspec.yaml.decode((tmp_path / "context" / "bentofile.yaml").read_bytes())
    assert (built["service"], built["name"], built["python"]["lock_packages"]) == (
        "service:Service",
        "basket",
        False,
    )


def test_without_bentoml_the_command_to_install_it_is_named(chosen: Chosen, tmp_path: Path) -> None:
    code = (
        "import sys, importlib.util\n"
        "from pathlib import Path\n"
        "find = importlib.util.find_spec\n"
        "importlib.util.find_spec = lambda name, *more: None if name == 'bentoml' else find(name, *more)\n"
        "from control.package import bento\n"
        "bento.write(None, Path('out'))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, env=environ()
    )
    assert "pip install 'slipway[bento]'" in done.stderr
    assert not (tmp_path / "out").exists()


def environ() -> dict[str, str]:
    """This process's import path for another."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "BENTOML_DO_NOT_TRACK": "True"}


@pytest.fixture
def served(chosen: Chosen, tmp_path: Path, unused_port: int) -> Iterator[str]:
    """The address of the bento, served by `bentoml serve` where neither Ray nor the app's own source is."""
    pytest.importorskip("bentoml", reason="BentoML is not installed: `make test` installs it")
    made = bento.write(chosen, tmp_path / "out")
    assert made.path == tmp_path / "out" / "basket-2-bento"
    (tmp_path / "blocked" / "ray").mkdir(parents=True)
    (tmp_path / "blocked" / "ray" / "__init__.py").write_text("raise ImportError('not in a bento')\n")
    line = [
        sys.executable,
        "-m",
        "bentoml",
        "serve",
        str(made.path),
        "--host",
        "127.0.0.1",
        "--port",
        str(unused_port),
    ]
    own = {"BENTOML_HOME": str(tmp_path / "home"), "PYTHONPATH": str(tmp_path / "blocked")}
    log = tmp_path / "bento.log"
    with log.open("wb") as stream:
        server = subprocess.Popen(
            line, cwd=tmp_path, env={**environ(), **own}, stdout=stream, stderr=stream, start_new_session=True
        )
    address = f"http://127.0.0.1:{unused_port}"
    try:
        await_ready(address, server, log)
        yield address
    finally:
        server.terminate()
        try:
            server.wait(timeout=120)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()
            raise


def await_ready(address: str, server: subprocess.Popen[bytes], log: Path, seconds: float = 240) -> None:
    end = time.monotonic() + seconds
    while True:
        try:
            with urllib.request.urlopen(f"{address}/readyz", timeout=5):
                return
        except (http.client.HTTPException, OSError):
            assert server.poll() is None and time.monotonic() < end, log.read_text(errors="replace")
            time.sleep(0.1)


def post(url: str, body: bytes) -> tuple[int, Any, str]:
    """Status, document and content type."""
    headers = {"content-type": "application/json", "x-request-id": "one"}
    request = urllib.request.Request(url, body, headers)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, json.load(answer), answer.headers["content-type"]
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error), error.headers["content-type"]


async def gateway(chosen: Chosen, home: Path, bodies: list[tuple[str, bytes]]) -> list[tuple[int, Any, str]]:
    """What the gateway's own application answers."""
    settings = Settings(
        home=home, apps=(chosen.package,), model_repository=chosen.repository, backend="fused", log_level="ERROR"
    )
    server = Server(settings)
    try:
        await server.refresh()
        return [await over_asgi(server, path, body) for path, body in bodies]
    finally:
        await server.close()


async def over_asgi(server: Server, path: str, body: bytes) -> tuple[int, Any, str]:
    sent: list[Any] = []
    pending = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Any:
        if pending:
            return pending.pop()
        await asyncio.Event().wait()

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(b"content-type", b"application/json"), (b"x-request-id", b"one")]
    scope = {
        "type": "http",
        "method": "POST",
        "path": path,
        "headers": headers,
        "query_string": b"",
        "client": None,
    }
    await server.http(scope, receive, send)
    kinds = dict(sent[0]["headers"])
    return sent[0]["status"], json.loads(sent[1]["body"]), kinds[b"content-type"].decode()


@pytest.mark.slow
def test_answers_are_the_gateways_and_bentomls_own_pages_describe_the_question(
    served: str, chosen: Chosen, tmp_path: Path
) -> None:
    right = json.dumps(QUESTIONS).encode()
    bodies = [right, *(json.dumps(wrong).encode() for wrong in WRONG)]
    v1 = "/v1/models/basket:predict"
    wanted = asyncio.run(gateway(chosen, tmp_path / "gateway", [(v1, body) for body in bodies]))
    assert [status for status, _, _ in wanted] == [200, 422, 422, 422, 422, 422]
    assert [post(f"{served}{v1}", body) for body in bodies] == wanted
    assert [post(f"{served}/predict", body) for body in bodies] == wanted
    assert wanted[0][1]["predictions"] == [{"total": 2.5, "day": "2026-01-02"}, {"total": 3.125, "day": None}]
    tensors = b'{"inputs": [{"name": "features", "shape": [1, 2], "datatype": "FP32", "data": [1, 2]}]}'
    v2 = "/v2/models/basket/infer"
    (same,) = asyncio.run(gateway(chosen, tmp_path / "gateway", [(v2, tensors)]))
    assert (same[0], post(f"{served}{v2}", tensors)) == (200, same)
    with urllib.request.urlopen(f"{served}/docs.json", timeout=60) as answer:
        text = json.dumps(json.load(answer))
    assert '"price"' in text and '"maximum": 1000' in text and "instances" in text
    status, document, _ = post(f"{served}/predict", b'{"questions": []}')
    assert status == 400 and "instances" in json.dumps(document)


def test_a_bento_that_cannot_be_built_shows_the_end_of_the_log(
    chosen: Chosen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("bentoml", reason="BentoML is not installed: `make test` installs it")
    whole = bento.write_context

    def broken(chosen: Chosen, context: Path) -> None:
        whole(chosen, context)
        (context / "service.py").write_text("raise RuntimeError('planted')\n")

    monkeypatch.setattr(bento, "write_context", broken)
    with pytest.raises(PackageError, match="(?s)could not build the bento.*planted"):
        bento.write(chosen, tmp_path / "out")
    assert not list((tmp_path / "out").iterdir())


def test_the_service_of_an_added_model_can_be_imported(tmp_path: Path) -> None:
    pytest.importorskip("bentoml", reason="BentoML is not installed: `make test` installs it")
    added.write_version(tmp_path / "models", 1)
    context = tmp_path / "context"
    bento.write_context(choose(tmp_path / "models", "sum"), context)
    code = "from service import APP, Service; Service.schema(); print(APP.name)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=context, capture_output=True, text=True, env=environ(), timeout=120
    )
    assert done.stdout == "sum\n", done.stderr
