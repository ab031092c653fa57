"""Backend `triton`: Triton Inference Server over gRPC, and through shared memory in the same pod."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Any

import grpc
from google.protobuf.message import DecodeError
from tritonclient.grpc import service_pb2 as pb
from tritonclient.grpc import service_pb2_grpc

from serving.kernel.app_values import Batching
from serving.kernel.backend import BatchKind
from serving.kernel.errors import (
    BackendFailed,
    DeadlineExceeded,
    NotReady,
    Overloaded,
    RowsRejected,
    SlipwayError,
    Unavailable,
)
from serving.kernel.tensors import Arrays, TensorSpec, from_wire, row_bytes, to_wire
from serving.models.backends.engine_errors import rejection, words_of
from serving.models.backends.presence import Presence
from serving.models.backends.remote_execute import RemoteExecute, execute_remotely
from serving.models.backends.triton_server.protobuf_raw import (
    RAW_INPUT_CONTENTS,
    RAW_OUTPUT_CONTENTS,
    append_raw,
    extract_raw,
)
from serving.models.backends.triton_server.shared_memory import Region, Regions
from serving.models.batching.batch_kinds import rows_of
from serving.models.batching.batcher import Batcher, BatchObserver

__all__ = ["TritonChannel", "open_triton"]

MAX_MESSAGE = 256 * 2**20
CONCURRENCY = 4
"""The most batches of one version at a time; Triton joins those that wait."""
SHARED_BYTES = 64 * 2**10
"""From this size on, tensors go through shared memory, if there is any; below it gRPC is as fast."""
ALIGNMENT = 64
UNANSWERED = (grpc.StatusCode.CANCELLED, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.UNAVAILABLE)
"""After these codes the server may still be running the request."""
QUEUE_FULL = "maximum queue size"

Buffers = Sequence[bytes | memoryview]


class TritonChannel:
    """One multiplexed channel for all versions of all apps."""

    def __init__(self, url: str, shared_memory: bool = False) -> None:
        """`url` is host:port of Triton's gRPC door. Must be called on the event loop that uses the channel."""
        options = {
            "grpc.max_receive_message_length": MAX_MESSAGE,
            "grpc.max_send_message_length": MAX_MESSAGE,
            # A name with several addresses, such as a headless Service, is used round robin.
            "grpc.lb_policy_name": "round_robin",
            # A restarted server is found within a second, the loss of a machine within a minute.
            "grpc.initial_reconnect_backoff_ms": 100,
            "grpc.max_reconnect_backoff_ms": 1_000,
            "grpc.keepalive_time_ms": 30_000,
            "grpc.keepalive_timeout_ms": 10_000,
        }
        self._channel = grpc.aio.insecure_channel(url, options=list(options.items()))
        stub = service_pb2_grpc.GRPCInferenceServiceStub(self._channel)
        self.regions = Regions(stub) if shared_memory else None
        self._stub = stub
        self._infer = self._channel.unary_unary("/inference.GRPCInferenceService/ModelInfer")

    async def infer(
        self, head: pb.ModelInferRequest, raw: Buffers, seconds: float
    ) -> tuple[pb.ModelInferResponse, list[memoryview]]:
        """Call ModelInfer with `raw` as raw input contents; returns the response and its raw output contents.

        Raises `grpc.aio.AioRpcError`, and `BackendFailed` for a response that cannot be read.
        """
        message = append_raw(head.SerializeToString(), RAW_INPUT_CONTENTS, raw)
        answer = await self._infer(message, timeout=seconds)
        try:
            rest, contents = extract_raw(answer, RAW_OUTPUT_CONTENTS)
            return pb.ModelInferResponse.FromString(rest), contents
        except (ValueError, DecodeError) as cause:
            raise BackendFailed("the model server's answer cannot be read") from cause

    async def model_ready(self, model: str, version: int, seconds: float) -> bool:
        """Whether Triton would run this version now. Raises `TimeoutError`, or `grpc.aio.AioRpcError`."""
        request = pb.ModelReadyRequest(name=model, version=str(version))
        try:
            return bool((await self._stub.ModelReady(request, timeout=seconds)).ready)
        except grpc.aio.AioRpcError as cause:
            if cause.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
                raise TimeoutError(f"Triton does not say whether {model} {version} is ready") from cause
            raise

    async def close(self) -> None:
        """Close the channel and release the shared memory."""
        if self.regions is not None:
            await self.regions.close()
        await self._channel.close()


def open_triton(
    channel: TritonChannel,
    model: str,
    version: int,
    inputs: tuple[TensorSpec, ...],
    outputs: tuple[TensorSpec, ...],
    batching: Batching,
    observer: BatchObserver | None = None,
    row_axis: bool = True,
) -> Batcher:
    """A batcher of one version of one model in Triton, with several batches at a time.

    Without a row axis, batches must have one row (`batching.max_rows`).
    """
    execute = _twice_if_rejected(
        execute_remotely(_Model(channel, model, version, inputs, outputs, row_axis), outputs)
    )
    presence = Presence(partial(channel.model_ready, model, version))
    presence.start()
    return Batcher(
        execute,
        batching,
        observer,
        concurrency=CONCURRENCY,
        release=presence.stop,
        available=lambda: presence.is_there,
    )


def _twice_if_rejected(execute: RemoteExecute) -> RemoteExecute:
    """Ask once more, one after the other, about requests that are rejected alone.

    Triton joins what runs at the same time, and its compiled backends reject all requests of such a batch for one.
    """
    one_at_a_time = asyncio.Lock()

    async def sure(kind: BatchKind, payloads: Sequence[Any], deadline: float) -> list[Any]:
        try:
            return await execute(kind, payloads, deadline)
        except RowsRejected:
            if len(payloads) > 1:
                raise
            async with one_at_a_time:
                return await execute(kind, payloads, deadline)

    return sure


class _Model:
    """Runs batches on one version. Raises the errors of `serving.kernel.errors`."""

    def __init__(
        self,
        channel: TritonChannel,
        model: str,
        version: int,
        inputs: tuple[TensorSpec, ...],
        outputs: tuple[TensorSpec, ...],
        row_axis: bool,
    ) -> None:
        self._channel = channel
        self._name = {"model_name": model, "model_version": str(version)}
        self._inputs = inputs
        self._outputs = [spec.name for spec in outputs]
        self._flat = {spec.name for spec in outputs if len(spec.shape) == 1}
        """Outputs without an axis besides that of the rows."""
        self._row_axis = row_axis
        self._fixed = {spec.name: row_bytes(spec) for spec in outputs if row_bytes(spec)}
        """Bytes per row of each output whose size is known in advance."""

    async def __call__(self, inputs: Arrays, seconds: float) -> Arrays:
        head = pb.ModelInferRequest(**self._name)
        raw = []
        for spec in self._inputs:
            array = inputs[spec.name] if self._row_axis else inputs[spec.name][0]
            # Triton has a second axis where the graph has none.
            shape = array.shape if array.ndim > 1 or not self._row_axis else (*array.shape, 1)
            head.inputs.add(name=spec.name, datatype=spec.datatype, shape=shape)
            raw.append(to_wire(spec.datatype, array))
        try:
            found = await self._run(head, raw, rows_of(inputs), seconds)
        except grpc.aio.AioRpcError as cause:
            raise _translate(cause) from cause
        if not self._row_axis:
            return {name: array[None] for name, array in found.items()}
        return {name: array.reshape(-1) if name in self._flat else array for name, array in found.items()}

    async def _run(self, head: pb.ModelInferRequest, raw: Buffers, rows: int, seconds: float) -> Arrays:
        """Send large tensors through shared memory, small ones as raw contents."""
        regions = self._channel.regions
        sizes = {name: rows * row for name, row in self._fixed.items()}
        room = sum(_aligned(size) for size in [*map(len, raw), *sizes.values()])
        if regions is not None and room >= SHARED_BYTES:
            async with regions.lend(room) as region:
                if region is not None:
                    try:
                        return await self._share(region, head, raw, sizes, seconds)
                    except grpc.aio.AioRpcError as cause:
                        if "shared memory region" not in (cause.details() or ""):
                            raise
                        region.spent = True  # Triton was restarted
                        regions.forget()
        reply, contents = await self._channel.infer(head, raw, seconds)
        return _arrays(reply, contents)

    async def _share(
        self, region: Region, head: pb.ModelInferRequest, raw: Buffers, sizes: dict[str, int], seconds: float
    ) -> Arrays:
        message = pb.ModelInferRequest()
        message.CopyFrom(head)
        end = 0
        for tensor, buffer in zip(message.inputs, raw, strict=True):
            region.view[end : end + len(buffer)] = buffer
            end = _point_to(tensor, region, end, len(buffer))
        slices = {}
        for name in self._outputs:
            output = message.outputs.add(name=name)
            if name in sizes:
                slices[name] = slice(end, end + sizes[name])
                end = _point_to(output, region, end, sizes[name])
        region.spent = True
        try:
            reply, contents = await self._channel.infer(message, (), seconds)
        except grpc.aio.AioRpcError as cause:
            region.spent = cause.code() in UNANSWERED and QUEUE_FULL not in (cause.details() or "")
            raise
        region.spent = False
        # Copied, because the next batch will use the region.
        found = {name: bytes(region.view[part]) for name, part in slices.items()}
        return _arrays(reply, [found.get(o.name, c) for o, c in zip(reply.outputs, contents, strict=True)])


def _point_to(tensor: Any, region: Region, start: int, size: int) -> int:
    """Point a tensor of a request to its bytes in a region; returns where the next tensor may start."""
    tensor.parameters["shared_memory_region"].string_param = region.name
    tensor.parameters["shared_memory_offset"].int64_param = start
    tensor.parameters["shared_memory_byte_size"].int64_param = size
    return start + _aligned(size)


def _aligned(size: int) -> int:
    return -(-size // ALIGNMENT) * ALIGNMENT


def _arrays(reply: pb.ModelInferResponse, contents: Buffers) -> Arrays:
    if len(contents) != len(reply.outputs):
        raise BackendFailed("the model server's answer has no raw contents")
    return {
        output.name: from_wire(output.datatype, output.shape, raw)
        for output, raw in zip(reply.outputs, contents, strict=True)
    }


def _translate(cause: grpc.aio.AioRpcError) -> SlipwayError:
    code, details = cause.code(), cause.details() or ""
    if code == grpc.StatusCode.DEADLINE_EXCEEDED:
        return DeadlineExceeded("the deadline passed while the model ran")
    if QUEUE_FULL in details:
        return Overloaded("the model server's queue is full")
    if code == grpc.StatusCode.NOT_FOUND:
        return NotReady("the model server has not loaded this version")
    if code == grpc.StatusCode.UNAVAILABLE:
        if any(words in details for words in ("not found", "not ready", "unknown model")):
            return NotReady("the model server has not loaded this version")
        return Unavailable("the model server cannot be reached")
    if code == grpc.StatusCode.INVALID_ARGUMENT:
        return RowsRejected(f"Triton reports: {words_of(details)}")
    return rejection(details) or BackendFailed("the model could not be run on these inputs")
