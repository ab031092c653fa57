"""The options that the chart gives Triton and the container beside it, given to real ones."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from serving.kernel.app_values import Batching, Values
from serving.models.backends.triton_server.channel import TritonChannel, open_triton
from serving.models.batching.batch_kinds import TensorBatches
from tests.charts.chart import of_kind
from tests.serving import toy
from tests.serving.models.models import call
from tests.serving.models.tritons import Server
from training.onnx.config_pbtxt import config_pbtxt

OWN = ("--model-repository", "--model-control-mode", "--http-port", "--grpc-port", "--metrics-port")
"""Options that the test's server has already."""
CLUSTER = ("--port", "--inference-service")
"""Options that need a pod."""
VALUES = {"triton": {"enabled": True, "models": ["toy", "unpublished"]}}
GPU = {"triton": {"enabled": True, "gpus": 1, "gpuModels": ["price"]}}


@pytest.mark.slow
def test_an_app_without_a_version_does_not_keep_the_others_from_traffic(tmp_path: Path, root: Path) -> None:
    (runtime,) = of_kind(VALUES, "ServingRuntime").values()
    container, versions = runtime["spec"]["containers"]
    (on_gpus,) = of_kind(GPU, "ServingRuntime").values()
    toy.write_version(tmp_path / "models", 1, (1, 1))
    (tmp_path / "models" / "toy" / "config.pbtxt").write_text(config_pbtxt(toy.app, Values()))
    # Those of a server with GPUs are accepted too; without a GPU they do nothing.
    words = dict.fromkeys([*container["args"], *on_gpus["spec"]["containers"][0]["args"]])
    server = Server(
        tmp_path / "models", tmp_path, "explicit", [word for word in words if not word.startswith(OWN)]
    )
    server.start()  # waits for what the readiness probe asks
    try:
        replaced = {"/models": str(tmp_path / "models"), "--url=127.0.0.1:8001": f"--url={server.url}"}
        options = [replaced.get(word, word) for word in versions["args"] if not word.startswith(CLUSTER)]
        line = [sys.executable, "-m", "control", *versions["command"][1:], *options, "--every=0"]
        done = subprocess.run(line, cwd=root, capture_output=True, text=True, timeout=120)
        assert "toy: 1\nunpublished: no version; there is no version" in done.stderr
        assert asyncio.run(answer(server.url)) == [[3.0]]
    finally:
        server.kill()


async def answer(url: str) -> list[list[float]]:
    """What a gateway would get."""
    inputs, outputs = toy.app.inputs, toy.app.outputs
    channel = TritonChannel(url)
    batcher = open_triton(channel, "toy", 1, inputs, outputs, Batching())
    try:
        rows = {"features": np.array([[1, 2]], np.float32)}
        found = await batcher.submit(TensorBatches(inputs, outputs), rows, call())
        assert isinstance(found, dict)
        answers: list[list[float]] = found["total"].tolist()
        return answers
    finally:
        await batcher.close()
        await channel.close()
