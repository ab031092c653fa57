"""The options that the chart gives Triton, given to a real one."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import pytest

from serving.kernel.app_values import Batching
from serving.models.backends.triton_server.channel import TritonChannel, open_triton
from serving.models.batching.batch_kinds import TensorBatches
from tests.charts.chart import of_kind
from tests.serving.models import models
from tests.serving.models.models import call, spec
from tests.serving.models.tritons import Server, publish

OWN = ("--model-repository", "--model-control-mode", "--http-port", "--grpc-port", "--metrics-port")
"""Options that the test's server has already."""


@pytest.mark.slow
def test_an_app_without_a_version_does_not_keep_the_others_from_traffic(tmp_path: Path) -> None:
    values = {"triton": {"enabled": True, "models": ["negate", "unpublished"]}}
    (runtime,) = of_kind(values, "ServingRuntime").values()
    (container,) = runtime["spec"]["containers"]
    x, y = spec("x", "FP32", 2), spec("y", "FP32", 2)
    publish(tmp_path / "models", "negate", models.negate, *x, *y)
    options = [word for word in container["args"] if not word.startswith(OWN)]
    server = Server(tmp_path / "models", tmp_path, "explicit", options)
    server.start()  # waits for what the readiness probe asks

    async def main() -> list[list[float]]:
        channel = TritonChannel(server.url)
        batcher = open_triton(channel, "negate", 1, x, y, Batching())
        try:
            answer = await batcher.submit(TensorBatches(x, y), {"x": np.ones((1, 2), np.float32)}, call())
            assert isinstance(answer, dict)
            found: list[list[float]] = answer["y"].tolist()
            return found
        finally:
            await batcher.close()
            await channel.close()

    try:
        assert asyncio.run(main()) == [[-1.0, -1.0]]
    finally:
        server.stop()
