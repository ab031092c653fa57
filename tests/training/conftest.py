"""Fixtures of the pipeline's tests."""

from __future__ import annotations

import http.client
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from serving.kernel.storage.version_manifest import Manifest
from tests.processes import has_ended
from tests.training import toy
from training.measures import gate
from training.onnx import export
from training.onnx.trees import tree_node
from training.onnx.triton import free_ports
from training.publish import servable


@pytest.fixture(scope="session")
def toy_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The toy's exported model."""
    path = tmp_path_factory.mktemp("toy") / "model.onnx"
    export.save(toy.app, toy.graph(tree_node(toy.local_booster(), "features", "y")), path)
    return path


@pytest.fixture
def toy_servable(tmp_path: Path, toy_model: Path) -> Path:
    """A sealed servable folder of the toy."""
    return make_servable(tmp_path / "servable", toy_model)


def make_servable(folder: Path, model: Path, note: str = "", synthetic: bool = True, run_id: str = "r") -> Path:
    """Write a sealed servable; another note makes other content."""
    folder.mkdir(parents=True)
    recipe = toy.Toy()
    fitted = recipe.fitted(toy.local_booster(), {})
    (folder / "model.onnx").write_bytes(model.read_bytes())
    servable.write_files(folder, fitted.files)
    servable.write_golden(folder, toy.app, [toy.Question(1.0, 0.5), toy.Question(0.1)], fitted)
    gate.write_report(folder, "gate", [])
    manifest = Manifest(
        model="toy",
        version=servable.UNNUMBERED,
        created="2026-01-01T00:00:00Z",
        run_id=run_id,
        synthetic=synthetic,
        source=note,
        inputs=toy.app.inputs,
        outputs=toy.app.outputs,
        feature_names=toy.app.feature_names,
        context=msgspec.Raw(b"{}"),
    )
    servable.seal(folder, manifest)
    return folder


@pytest.fixture(scope="session")
def mlflow_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real MLflow server on a database and artifacts of its own."""
    folder = tmp_path_factory.mktemp("mlflow")
    (port,) = free_ports(1)
    line = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    line += [
        "--backend-store-uri",
        f"sqlite:///{folder}/mlflow.db",
        "--artifacts-destination",
        f"{folder}/artifacts",
    ]
    quiet = {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(line, cwd=folder, env=quiet, stdout=log, stderr=log, start_new_session=True)
    try:
        url = f"http://127.0.0.1:{port}"
        await_answer(f"{url}/health", server, folder / "log")
        yield url
    finally:
        os.killpg(server.pid, 15)
        server.wait(timeout=120)


def await_answer(url: str, server: subprocess.Popen[bytes], log: Path, seconds: float = 90) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        assert server.poll() is None, log.read_text()
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except (http.client.HTTPException, OSError):
            time.sleep(0.2)
    raise AssertionError(log.read_text())


def ray_address() -> str:
    """Where the Ray listens that this process is connected to, for a child to use: another takes ten seconds."""
    import ray

    return str(ray.get_runtime_context().gcs_address)


def still_alive(pids: list[int], seconds: float = 10) -> list[int]:
    """Those that run after a while; a zombie, which only its parent can remove, does not."""
    end = time.monotonic() + seconds
    while (left := [pid for pid in pids if not has_ended(pid)]) and time.monotonic() < end:
        time.sleep(0.1)
    return left
