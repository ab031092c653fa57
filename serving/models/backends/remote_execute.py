"""Runs batches on a backend outside this process and waits for them until their deadline."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from serving.kernel.backend import BatchKind
from serving.kernel.errors import BackendFailed, DeadlineExceeded
from serving.kernel.tensors import Arrays, TensorSpec

__all__ = ["RemoteCall", "RemoteExecute", "execute_remotely"]

RemoteCall = Callable[[Arrays, float], Awaitable[Arrays]]
"""Takes the inputs and the seconds left; returns the outputs."""
RemoteExecute = Callable[[BatchKind, Sequence[Any], float], Awaitable[list[Any]]]
"""An `Execute` that always answers later."""


def execute_remotely(call: RemoteCall, outputs: tuple[TensorSpec, ...]) -> RemoteExecute:
    """A `RemoteExecute` that runs batches with `call`, which must return all of `outputs`."""

    async def execute(kind: BatchKind, payloads: Sequence[Any], deadline: float) -> list[Any]:
        inputs = kind.join(payloads)
        remaining = deadline - time.monotonic()
        if remaining <= 0:
            raise DeadlineExceeded("the deadline passed before the model was called")
        arrays = await call(inputs, remaining)
        missing = [spec.name for spec in outputs if spec.name not in arrays]
        if missing:
            raise BackendFailed(f"the model did not return {missing[0]}")
        return kind.split(payloads, arrays)

    return execute
