from __future__ import annotations

import asyncio
import gc
import json
import shutil
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from serving.hosting import composition
from serving.hosting.composition import Server, application, deploy
from serving.hosting.listener import Listener
from serving.kernel.settings import Settings
from serving.models import catalog
from serving.models.loader import load
from tests.serving.edge.neighbour import neighbour
from tests.serving.edge.wire import eventually
from tests.serving.signing import Pair, pair, sign_aliases, sign_version
from tests.serving.toy import write_version


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(
        home=tmp_path / "home",
        model_repository=tmp_path / "repository",
        http_port=0,
        grpc_port=0,
        log_file=str(tmp_path / "gateway.jsonl"),
        apps=("tests.serving.models.toy",),
    )


def listening(settings: Settings) -> tuple[Server, Listener]:
    server = Server(settings)
    doors = Listener(server.http, server.grpc, settings, on_start=server.open, on_stop=server.close)
    doors.start()
    return server, doors


def get(doors: Listener, path: str, body: bytes | None = None) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{doors.ports.http}{path}", body, timeout=120) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refusal:
        with refusal:
            return refusal.code, refusal.read().decode()


def test_a_gateway_without_versions_lives_but_is_not_ready(settings: Settings) -> None:
    server, doors = listening(settings)
    try:
        assert server.alive()
        assert get(doors, "/v2/health/live")[0] == 200
        assert get(doors, "/v2/health/ready")[0] == get(doors, "/-/healthz")[0] == 503
        assert get(doors, "/v1/models")[0] == 200
        assert "slipway_requests_total" in get(doors, "/metrics")[1]
        assert server.load().in_flight > 0
    finally:
        doors.stop(1.0)
    assert not server.alive()
    with pytest.raises(OSError, match="refused"):
        get(doors, "/v2/health/live")


def test_tritons_client_gets_the_statistics_of_what_was_asked(settings: Settings) -> None:
    for version in (1, 2):
        write_version(settings.model_repository, version)
    server, doors = listening(settings)
    tensor = '{"inputs": [{"name": "features", "datatype": "FP32", "shape": [3, 2], "data": [1, 2, 3, 4, 5, 6]}]}'
    try:
        while get(doors, "/v2/repository/index", b"")[1].count("READY") != 2:
            time.sleep(0.01)
        started = time.time() * 1e3
        for path, body in (
            ("/v1/models/toy:predict", '{"instances": [{"a": 1}]}'),
            ("/v2/models/toy/infer", tensor),
            ("/v1/models/toy:predict", '{"instances": [{"a": 1e9}]}'),
        ):
            get(doors, path, body.encode())
        two, every = (statistics(doors, "toy", "2"), statistics(doors, "", ""))
        assert get(doors, "/v2/models/toy/versions/9/stats")[0] == 404
        assert get(doors, "/v2/models/nosuch/stats")[0] == 404
    finally:
        doors.stop(1.0)
    assert "statistics" in two["extensions"]
    (found,) = two["http"]["model_stats"]
    assert (found["name"], found["version"]) == ("toy", "2")
    assert found["inference_count"] == 4 and found["execution_count"] == 3
    assert found["last_inference"] >= int(started)
    counts = {name: duration["count"] for name, duration in found["inference_stats"].items()}
    assert counts == {"success": 2, "fail": 1, "queue": 3, "compute_infer": 3}
    assert all(duration["ns"] > 0 for duration in found["inference_stats"].values())
    assert [(size["batch_size"], size["compute_infer"]["count"]) for size in found["batch_stats"]] == [
        (1, 2),
        (3, 1),
    ]
    assert two["grpc"]["model_stats"][0]["inference_stats"]["success"]["count"] == "2", "int64 in protobuf's JSON"
    assert [one["version"] for one in every["http"]["model_stats"]] == ["1", "2"]


def statistics(doors: Listener, model: str, version: str) -> Any:
    """What the real tritonclient gets; in a process of its own, because it brings gevent."""
    script = Path(__file__).parent.parent / "edge" / "clients" / "statistics_client.py"
    addresses = [f"127.0.0.1:{port}" for port in (doors.ports.http, doors.ports.grpc)]
    command = [sys.executable, str(script), *addresses, model, version]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_what_an_app_brings_is_exempt_from_the_collector_once_it_is_loaded(settings: Settings) -> None:
    """The full collection of all that the explainers import would stop every request for 50 ms."""
    server, doors = listening(replace(settings, poll_seconds=0.05))
    try:
        brought = [[number] for number in range(2000)]
        before = gc.get_freeze_count()
        write_version(settings.model_repository, 1)
        eventually(lambda: gc.get_freeze_count() >= before + len(brought))
        assert get(doors, "/v2/health/ready")[0] == 200
    finally:
        doors.stop(1.0)


def test_changed_files_and_aliases_do_not_answer_where_signatures_count(settings: Settings) -> None:
    """Somebody who can write the repository changes weights, digests, golden rows and aliases."""
    root = settings.model_repository
    key = pair(settings.home / "trusted")
    sign_version(write_version(root, 1), key)
    sign_aliases(root / "toy", key, 1)
    guarded = replace(settings, poll_seconds=0.05, trusted_keys=str(settings.home / "trusted"))
    question = b'{"instances": [{"a": 3}]}'
    _, doors = listening(guarded)
    try:
        eventually(lambda: get(doors, "/v2/health/ready")[0] == 200)
        shutil.rmtree(root / "toy" / "1")
        write_version(root, 1, (100.0, 100.0))
        write_version(root, 2, (100.0, 100.0))
        (root / "toy" / "aliases.json").write_text('{"champion": 2}')
        second = "/v1/models/toy/versions/2:predict"
        eventually(lambda: "manifest.sig: the version is not signed" in get(doors, second, question)[1])
        assert get(doors, "/v1/models/toy:predict", question)[1].startswith('{"predictions":[{"total":3.0}]')
        sign_version(root / "toy" / "2", key)
        sign_aliases(root / "toy", key, 2)
        eventually(lambda: '"total":300.0' in get(doors, "/v1/models/toy:predict", question)[1])
    finally:
        doors.stop(1.0)
    log = Path(settings.log_file).read_text()
    assert "manifest.sig: the version is not signed" in log and "aliases.json: is not signed" in log


def test_a_gateway_that_finds_changed_aliases_answers_with_no_version(settings: Settings) -> None:
    """Not with the newest, as where there are no aliases."""
    root = settings.model_repository
    key = pair(settings.home / "trusted")
    for number in (1, 2):
        sign_version(write_version(root, number), key)
    sign_aliases(root / "toy", Pair(settings.home / "trusted", "stranger"), 2)
    _, doors = listening(replace(settings, poll_seconds=0.05, trusted_keys=str(settings.home / "trusted")))
    try:
        eventually(lambda: get(doors, "/v2/repository/index", b"")[1].count("READY") == 2)
        status, said = get(doors, "/v1/models/toy:predict", b'{"instances": [{"a": 3}]}')
    finally:
        doors.stop(1.0)
    assert status == 503 and "aliases.json: is signed with the key" in said


def joining(settings: Settings, port: int) -> tuple[Listener, threading.Thread]:
    """One that starts while another process listens on its port for gRPC."""
    server = Server(replace(settings, grpc_port=port, poll_seconds=0.05))
    doors = Listener(server.http, server.grpc, settings, on_start=server.open, on_stop=server.close)
    starting = threading.Thread(target=doors.start)
    starting.start()
    return doors, starting


def test_one_that_joins_others_opens_when_it_can_answer(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    judging, judged = threading.Event(), threading.Event()

    async def slow(*wanted: Any) -> Any:
        judging.set()
        await asyncio.to_thread(judged.wait)
        return await load(*wanted)

    monkeypatch.setattr(catalog, "load", slow)
    write_version(settings.model_repository, 1)
    with neighbour() as port:
        doors, starting = joining(settings, port)
        assert judging.wait(60)
        starting.join(0.2)
        assert starting.is_alive() and not doors.alive()
        judged.set()
        starting.join()
        try:
            assert get(doors, "/-/healthz") == (200, "success")
        finally:
            doors.stop(1.0)


@pytest.mark.parametrize("damaged", [False, True])
def test_one_that_joins_others_does_not_wait_for_what_cannot_be_answered(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, damaged: bool
) -> None:
    """Otherwise one damaged version, or an app without one, would delay every new replica."""
    monkeypatch.setattr(composition, "JOIN_SECONDS", 3600.0)
    if damaged:
        (write_version(settings.model_repository, 1) / "manifest.json").write_text("{}")
    with neighbour() as port:
        doors, starting = joining(settings, port)
        starting.join()
        try:
            status, said = get(doors, "/v1/models/toy:predict", b'{"instances": [{"a": 1}]}')
        finally:
            doors.stop(1.0)
    assert status == 503
    assert ("version 1: manifest.json" in said) == damaged


def test_the_door_of_ray_says_what_it_needs(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAY_SERVE_ENABLE_HA_PROXY", raising=False)
    with pytest.raises(ValueError, match="SLIPWAY_DOOR: `ray` needs RAY_SERVE_ENABLE_HA_PROXY=1"):
        deploy(replace(settings, door="ray"))


def test_arguments_of_a_serve_config_are_refused_by_name() -> None:
    with pytest.raises(
        ValueError, match=r"args: \['apps'\] are not known here; settings are environment variables"
    ):
        application({"apps": "price"})


def test_a_serve_config_has_the_gateway_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLIPWAY_APPS", "tests.serving.models.toy")
    monkeypatch.setenv("SLIPWAY_REPLICAS", "3")
    deployment = application({})._bound_deployment
    assert (deployment.name, deployment.num_replicas) == ("gateway", 3)
    monkeypatch.setenv("SLIPWAY_APPS", "nope")
    with pytest.raises(LookupError, match="there is no app 'nope'"):
        application({})
