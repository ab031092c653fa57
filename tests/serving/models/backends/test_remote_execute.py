from __future__ import annotations

import asyncio
import time
from typing import Any

import numpy as np
import pytest

from serving.kernel.errors import BackendFailed, DeadlineExceeded
from serving.kernel.tensors import Arrays
from serving.models.backends.remote_execute import execute_remotely
from serving.models.batching.batch_kinds import TensorBatches
from tests.serving.models.models import spec

INPUTS, OUTPUTS = spec("x", "FP32", 1), spec("y", "FP32", 1)
WORK = TensorBatches(INPUTS, OUTPUTS)


async def negate(inputs: Arrays, seconds: float) -> Arrays:
    assert 0 < seconds <= 5
    return {"y": -inputs["x"]}


async def forget(inputs: Arrays, seconds: float) -> Arrays:
    return {"z": inputs["x"]}


def run(call: Any, seconds: float = 5.0) -> list[Any]:
    payloads = [{"x": np.full((rows, 1), rows, np.float32)} for rows in (1, 3)]
    results = execute_remotely(call, OUTPUTS)(WORK, payloads, time.monotonic() + seconds)
    assert not isinstance(results, list)
    return asyncio.run(results)  # type: ignore[arg-type]


def test_requests_share_a_call_and_get_their_own_rows() -> None:
    assert [result["y"].ravel().tolist() for result in run(negate)] == [[-1.0], [-3.0] * 3]


def test_an_output_that_is_missing_is_named() -> None:
    with pytest.raises(BackendFailed, match="did not return y"):
        run(forget)


def test_a_batch_that_is_late_already_is_not_sent() -> None:
    with pytest.raises(DeadlineExceeded, match="before the model was called"):
        run(negate, seconds=-1)
