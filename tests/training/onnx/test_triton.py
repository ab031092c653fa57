from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import psutil
import pytest
import tritonclient.grpc as client
from onnx import TensorProto, helper
from tritonclient.utils import InferenceServerException

from serving.kernel.app_values import load_values
from tests.training import toy
from tests.training.conftest import make_servable, still_alive
from training.onnx import parity, triton
from training.onnx.config_pbtxt import config_pbtxt
from training.publish import repository


@pytest.fixture
def models(tmp_path: Path, toy_model: Path) -> Path:
    """A repository with one published version of the toy."""
    folder = tmp_path / "models"
    repository.publish(make_servable(tmp_path / "one", toy_model), folder, "toy", 1)
    (folder / "toy" / "config.pbtxt").write_text(config_pbtxt(toy.app, load_values(toy.app.folder)))
    return folder


def ask(server: client.InferenceServerClient, rows: np.ndarray) -> client.InferResult:
    tensor = client.InferInput("features", list(rows.shape), "FP32")
    tensor.set_data_from_numpy(rows)
    return server.infer("toy", [tensor], client_timeout=120)


def infer_at_once(server: client.InferenceServerClient, batches: list[np.ndarray]) -> list[Any]:
    """All requests on the way together; each its result or its error."""
    pending: list[list[Any]] = []
    for rows in batches:
        tensor = client.InferInput("features", list(rows.shape), "FP32")
        tensor.set_data_from_numpy(rows)
        answer: list[Any] = []
        pending.append(answer)
        server.async_infer("toy", [tensor], lambda result, error, to=answer: to.append(error or result))
    end = time.monotonic() + 20
    while not all(pending) and time.monotonic() < end:
        time.sleep(0.01)
    return [answer for (answer,) in pending]


def test_published_versions_are_served_batched_and_each_request_gets_its_rows(
    models: Path, toy_model: Path
) -> None:
    random = np.random.default_rng(0)
    batches = [random.normal(size=(size, 2)).astype(np.float32) for size in random.integers(1, 40, size=60)]
    wanted = [parity.onnx_model(toy_model)({"features": rows})["y"] for rows in batches]
    with triton.running(models) as url, client.InferenceServerClient(url) as server:
        assert server.get_model_metadata("toy", as_json=True)["platform"] == "onnxruntime_onnx"
        answers = infer_at_once(server, batches)
        for answer, expected in zip(answers, wanted, strict=True):
            assert isinstance(answer, client.InferResult), answer
            np.testing.assert_allclose(answer.as_numpy("y"), expected, atol=1e-6)
        with pytest.raises(InferenceServerException, match="unexpected shape"):
            ask(server, np.zeros((1, 3), np.float32))
        assert server.is_server_ready()


def picky() -> onnx.ModelProto:
    """y = table[a]: an index outside the table makes ONNX Runtime fail."""
    nodes = [
        helper.make_node("Cast", ["features"], ["whole"], to=TensorProto.INT64),
        helper.make_node("Slice", ["whole", "zero", "one", "axis"], ["index"]),
        helper.make_node("Gather", ["table", "index"], ["y"]),
    ]
    model = toy.graph(nodes[0])
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    model.graph.initializer.extend(
        [
            helper.make_tensor("table", TensorProto.FLOAT, [10], np.arange(10.0)),
            helper.make_tensor("zero", TensorProto.INT64, [1], [0]),
            helper.make_tensor("one", TensorProto.INT64, [1], [1]),
            helper.make_tensor("axis", TensorProto.INT64, [1], [1]),
        ]
    )
    return model


def test_a_bad_request_fails_alone(models: Path) -> None:
    version = models / "toy" / "1"
    (version / "manifest.json").unlink()
    onnx.save(picky(), version / "model.onnx")
    values = [float(n % 10) if n % 7 else 99.0 for n in range(70)]
    with triton.running(models) as url, client.InferenceServerClient(url) as server:
        answers = infer_at_once(server, [np.array([[value, 0]], np.float32) for value in values])
    for value, answer in zip(values, answers, strict=True):
        if value == 99.0:
            assert "out of" in str(answer)
        else:
            assert answer.as_numpy("y")[0, 0] == value


def test_a_model_that_is_not_the_published_one_is_not_loaded(models: Path) -> None:
    model = models / "toy" / "1" / "model.onnx"
    model.write_bytes(model.read_bytes() + b"\0")
    with pytest.raises(triton.TritonError, match="is not the manifest's"), triton.running(models):
        pass


def test_nothing_is_left_behind(models: Path) -> None:
    before = {process.pid for process in psutil.Process().children(recursive=True)}
    with triton.running(models):
        during = psutil.Process().children(recursive=True)
        assert len(during) > len(before)
    assert still_alive([process.pid for process in during if process.pid not in before]) == []


def test_backends_are_prepared_once(tmp_path: Path) -> None:
    folder = triton.prepare_backends(tmp_path)
    stub = folder / "python" / "triton_python_backend_stub"
    assert os.access(stub, os.X_OK)
    made = stub.stat().st_ino
    triton.prepare_backends(tmp_path)
    assert stub.stat().st_ino == made
    (folder / "onnxruntime" / "model.py").write_text("old")
    triton.prepare_backends(tmp_path)
    assert "TritonPythonModel" in (folder / "onnxruntime" / "model.py").read_text()


def test_the_command_line_follows_the_control_mode(tmp_path: Path) -> None:
    poll = triton.command(tmp_path, tmp_path, 1, 2, 3, poll_seconds=5)
    assert {"--repository-poll-secs=5", "--exit-on-error=false"} <= set(poll)
    explicit = triton.command(tmp_path, tmp_path, 1, 2, 3, control_mode="explicit", models=["price"])
    assert "--load-model=price" in explicit
    assert shutil.which(explicit[0])


HOST = """
import sys, time
from pathlib import Path
import psutil
from training.onnx import triton
with triton.running(Path(sys.argv[1])):
    print(*[child.pid for child in psutil.Process().children(recursive=True)], flush=True)
    time.sleep(60)
"""


def test_the_server_goes_when_its_owner_is_killed(models: Path, root: Path, tmp_path: Path) -> None:
    (tmp_path / "scratch").mkdir()
    environment = {**os.environ, "TMPDIR": str(tmp_path / "scratch")}
    line = [sys.executable, "-c", HOST, str(models)]
    with subprocess.Popen(line, cwd=root, env=environment, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        pids = [int(word) for word in owner.stdout.readline().split()]
        owner.kill()
    assert len(pids) >= 2
    assert still_alive(pids, 30) == []


def test_a_port_taken_in_the_meantime_is_given_up_for_another(
    models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        offers = iter([[holder.getsockname()[1], *triton.free_ports(2)], triton.free_ports(3)])
        monkeypatch.setattr(triton, "free_ports", lambda _: next(offers))
        with triton.running(models) as url, client.InferenceServerClient(url) as server:
            assert server.is_server_ready()


def test_free_ports_are_never_alike() -> None:
    assert all(len(set(triton.free_ports(3))) == 3 for _ in range(20_000))
