"""The backend against the real Triton, and against a server of our own that lies as Triton does not.

That all apps' models answer as the other backends do is shown in tests/contract.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from tritonclient.grpc import service_pb2 as pb
from tritonclient.grpc import service_pb2_grpc

from serving.kernel.app_values import Batching
from serving.kernel.errors import (
    BackendFailed,
    DeadlineExceeded,
    Invalid,
    NotReady,
    Overloaded,
    SlipwayError,
    Unavailable,
)
from serving.kernel.tensors import Arrays
from serving.models.backends.triton_server import shared_memory
from serving.models.backends.triton_server.channel import SHARED_BYTES, TritonChannel, open_triton
from serving.models.batching.batch_kinds import TensorBatches
from serving.models.batching.batcher import Batcher
from tests.serving import toy
from tests.serving.models import models
from tests.serving.models.models import call, spec
from tests.serving.models.tritons import Server, publish

TOY = TensorBatches(toy.app.inputs, toy.app.outputs, model="toy")
NODE = "onnx runtime error 1: Non-zero status code returned while running {} node. Name:'' Status Message: {}"
NO_CATEGORY = NODE.format("OneHotEncoder", "Unknown Category and zeros = 0.")
OUT_OF_MEMORY = NODE.format("Expand", "/secret/bfc_arena.cc:360 void* f() Failed to allocate memory")
Answer = Callable[[pb.ModelInferRequest, Any], Awaitable[pb.ModelInferResponse]]


async def adds(request: pb.ModelInferRequest, context: Any) -> pb.ModelInferResponse:
    rows = np.frombuffer(request.raw_input_contents[0], np.float32).reshape(request.inputs[0].shape)
    total = rows.sum(axis=1, keepdims=True, dtype=np.float32)
    reply = pb.ModelInferResponse(model_name=request.model_name, model_version=request.model_version)
    reply.outputs.add(name="total", datatype="FP32", shape=total.shape)
    reply.raw_output_contents.append(total.tobytes())
    return reply


def aborts(code: grpc.StatusCode, details: str) -> Answer:
    async def answer(request: pb.ModelInferRequest, context: Any) -> pb.ModelInferResponse:
        await context.abort(code, details)
        raise AssertionError

    return answer


async def sleeps(request: pb.ModelInferRequest, context: Any) -> pb.ModelInferResponse:
    await asyncio.sleep(30)
    return pb.ModelInferResponse()


async def loses_a_row(request: pb.ModelInferRequest, context: Any) -> pb.ModelInferResponse:
    reply = await adds(request, context)
    reply.raw_output_contents[0] = reply.raw_output_contents[0][4:]
    reply.outputs[0].shape[0] -= 1
    return reply


async def tears_the_tensor(request: pb.ModelInferRequest, context: Any) -> pb.ModelInferResponse:
    reply = await adds(request, context)
    reply.raw_output_contents[0] += b"more"
    return reply


async def forgets_the_output(request: pb.ModelInferRequest, context: Any) -> pb.ModelInferResponse:
    return pb.ModelInferResponse(model_name="toy")


async def served(answer: Answer) -> tuple[grpc.aio.Server, int]:
    """A server of our own, and its port."""
    server = grpc.aio.server()

    class Servicer(service_pb2_grpc.GRPCInferenceServiceServicer):  # type: ignore[misc]
        async def ModelInfer(self, request: pb.ModelInferRequest, context: Any) -> pb.ModelInferResponse:  # noqa: N802
            return await answer(request, context)

    service_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(Servicer(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    return server, port


async def ask(answer: Answer, rows: int = 2, seconds: float = 5.0) -> Arrays:
    server, port = await served(answer)
    try:
        return await ask_port(port, rows, seconds)
    finally:
        await server.stop(None)


async def ask_port(port: int, rows: int = 2, seconds: float = 5.0) -> Arrays:
    return await ask_url(f"127.0.0.1:{port}", rows, seconds)


async def ask_url(url: str, rows: int, seconds: float = 5.0) -> Arrays:
    channel = TritonChannel(url)
    batcher = open_triton(channel, "toy", 1, toy.app.inputs, toy.app.outputs, Batching(max_rows=2))
    features = np.arange(rows * 2, dtype=np.float32).reshape(rows, 2)
    try:
        answer = await batcher.submit(TOY, {"features": features}, call(seconds))
        assert isinstance(answer, dict)
        return answer
    finally:
        await batcher.close()
        await channel.close()


def test_rows_come_back_in_order_though_a_request_is_cut_into_batches() -> None:
    outputs = asyncio.run(ask(adds, rows=5))
    assert outputs["total"].tolist() == [[1.0], [5.0], [9.0], [13.0], [17.0]]


@pytest.mark.parametrize(
    ("answer", "expected", "message"),
    [
        (aborts(grpc.StatusCode.UNAVAILABLE, "Exceeds maximum queue size"), Overloaded, "queue is full"),
        (aborts(grpc.StatusCode.NOT_FOUND, "unknown model"), NotReady, "not loaded this version"),
        (aborts(grpc.StatusCode.UNAVAILABLE, "Request for unknown model: 'toy'"), NotReady, "not loaded"),
        (aborts(grpc.StatusCode.INTERNAL, "/opt/secret.py line 3"), BackendFailed, "could not be run"),
        (aborts(grpc.StatusCode.INTERNAL, OUT_OF_MEMORY), BackendFailed, "could not be run"),
        (aborts(grpc.StatusCode.INTERNAL, NO_CATEGORY), Invalid, "OneHotEncoder reports: Unknown Category"),
        (aborts(grpc.StatusCode.INVALID_ARGUMENT, "/opt/secret/x.py: no"), Invalid, "Triton reports: x.py: no"),
        (loses_a_row, BackendFailed, "returned 1 rows of total for 2"),
        (forgets_the_output, BackendFailed, "did not return total"),
        (tears_the_tensor, BackendFailed, "3 values for a tensor"),
    ],
)
def test_errors_of_triton_become_errors_of_our_tree(
    answer: Answer, expected: type[SlipwayError], message: str
) -> None:
    with pytest.raises(expected, match=message) as caught:
        asyncio.run(ask(answer))
    assert "secret" not in str(caught.value)


def test_requests_that_triton_joined_with_a_bad_one_are_answered() -> None:
    """Its compiled backends reject a batch as a whole, however its requests arrived."""
    waiting: list[tuple[bool, asyncio.Future[bool]]] = []
    largest = 0

    async def joins(request: pb.ModelInferRequest, context: Any) -> pb.ModelInferResponse:
        nonlocal largest
        rows = np.frombuffer(request.raw_input_contents[0], np.float32)
        rejected = asyncio.get_running_loop().create_future()
        waiting.append((bool((rows < 0).any()), rejected))
        await asyncio.sleep(0.01)
        if not rejected.done():
            largest, bad = max(largest, len(waiting)), any(one for one, _ in waiting)
            for _, each in waiting:
                each.set_result(bad)
            waiting.clear()
        if rejected.result():
            await context.abort(grpc.StatusCode.INTERNAL, NO_CATEGORY)
        return await adds(request, context)

    async def main() -> list[Any]:
        server, port = await served(joins)
        channel = TritonChannel(f"127.0.0.1:{port}")
        batcher = open_triton(channel, "toy", 1, toy.app.inputs, toy.app.outputs, Batching(max_rows=1))
        rows = [np.array([[value, 1]], np.float32) for value in (1, 2, -3, 4, 5, 6)]
        sent = [batcher.submit(TOY, {"features": row}, call()) for row in rows]
        found = await asyncio.gather(*sent, return_exceptions=True)
        await batcher.close()
        await channel.close()
        await server.stop(None)
        return found

    found = asyncio.run(main())
    assert largest > 1
    assert isinstance(found.pop(2), Invalid)
    assert [one["total"].item() for one in found] == [2, 3, 5, 6, 7]


def test_several_servers_behind_one_name_are_asked_in_turn() -> None:
    async def main() -> list[int]:
        servers, asked = [], [0, 0]

        def counts(place: int) -> Answer:
            async def answer(request: pb.ModelInferRequest, context: Any) -> pb.ModelInferResponse:
                asked[place] += 1
                return await adds(request, context)

            return answer

        for place in range(2):
            server, port = await served(counts(place))
            servers.append((server, f"127.0.0.1:{port}"))
        try:
            await ask_url("ipv4:" + ",".join(address for _, address in servers), rows=40)
        finally:
            for server, _ in servers:
                await server.stop(None)
        return asked

    first, second = asyncio.run(main())
    assert first + second == 20 and min(first, second) >= 5


async def adds_a_whole(request: pb.ModelInferRequest, context: Any) -> pb.ModelInferResponse:
    (tensor,) = request.inputs
    row = np.frombuffer(request.raw_input_contents[0], np.float32).reshape(tensor.shape)
    total = row.sum(axis=0, keepdims=True)
    reply = pb.ModelInferResponse(model_name="toy")
    reply.outputs.add(name="total", datatype="FP32", shape=total.shape)
    reply.raw_output_contents.append(total.tobytes())
    return reply


def test_a_model_without_a_row_axis_gets_one_row_at_a_time() -> None:
    async def main() -> Arrays:
        server, port = await served(adds_a_whole)
        channel = TritonChannel(f"127.0.0.1:{port}")
        single = Batching(max_rows=1)
        batcher = open_triton(channel, "toy", 1, toy.app.inputs, toy.app.outputs, single, row_axis=False)
        try:
            features = np.arange(6, dtype=np.float32).reshape(3, 2)
            answer: Arrays = await batcher.submit(TOY, {"features": features}, call())
            return answer
        finally:
            await batcher.close()
            await channel.close()
            await server.stop(None)

    assert asyncio.run(main())["total"].tolist() == [[1.0], [5.0], [9.0]]


def test_the_deadline_reaches_the_call() -> None:
    with pytest.raises(DeadlineExceeded):
        asyncio.run(ask(sleeps, seconds=0.2))


def test_a_server_that_is_gone_is_unavailable(unused_port: int) -> None:
    with pytest.raises(Unavailable):
        asyncio.run(ask_port(unused_port))


WIDTH = 1000
LARGE_ROWS = SHARED_BYTES // (WIDTH * 4) + 1
NEGATE = (spec("x", "FP32", WIDTH), spec("y", "FP32", WIDTH))
ECHO = (spec("x", "BYTES", 1), spec("y", "BYTES", 1))
TABLE = (spec("x", "INT64", 1), spec("y", "FP32", 1))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("triton")
    publish(folder / "models", "negate", models.negate, *NEGATE[0], *NEGATE[1])
    publish(folder / "models", "echo", lambda path: models.echo(path, "BYTES"), *ECHO[0], *ECHO[1])
    publish(folder / "models", "table", models.table, *TABLE[0], *TABLE[1])
    running = Server(folder / "models", folder)
    running.start()
    yield running
    running.stop()


@asynccontextmanager
async def opened(server: Server, shared: bool, *names: str, **batching: Any) -> AsyncIterator[tuple[Any, ...]]:
    """The channel, and a batcher for each model."""
    channel = TritonChannel(server.url, shared)
    specs = {"negate": NEGATE, "echo": ECHO, "table": TABLE}
    batchers = [open_triton(channel, name, 1, *specs[name], Batching(**batching)) for name in names]
    try:
        yield channel, *batchers
    finally:
        for batcher in batchers:
            await batcher.close()
        await channel.close()


async def negated(batcher: Batcher, rows: int, first: float = 1.0, seconds: float = 20.0) -> None:
    """Ask for so many rows and check each number."""
    x = np.arange(first, first + rows * WIDTH, dtype=np.float32).reshape(rows, WIDTH)
    answer = await batcher.submit(TensorBatches(*NEGATE), {"x": x}, call(seconds))
    np.testing.assert_array_equal(answer["y"], -x)


def files() -> list[str]:
    """Shared memory that this process holds or nobody does; other tests of this machine may use Triton, too."""
    held = Path("/proc/self/maps").read_text()
    found = Path("/dev/shm").glob(f"{shared_memory.PREFIX}*")
    return [path.name for path in found if str(path) in held or not shared_memory._owned(path)]


@pytest.mark.parametrize("shared", [False, True])
def test_concurrent_requests_of_all_sizes_get_their_own_rows(server: Server, shared: bool) -> None:
    async def main() -> None:
        async with opened(server, shared, "negate") as (_, negate):
            sizes = [1, LARGE_ROWS, 3, 64, 200, 1, 64, LARGE_ROWS - 1] * 4
            await asyncio.gather(*(negated(negate, size, 1e3 * i) for i, size in enumerate(sizes)))
            assert bool(files()) == shared

    asyncio.run(main())
    assert files() == []


def test_text_goes_both_ways(server: Server) -> None:
    async def main() -> None:
        async with opened(server, True, "echo") as (_, echo):
            rows = np.array([["é"], [b"b"], ["x" * SHARED_BYTES]], object)
            answer = await echo.submit(TensorBatches(*ECHO), {"x": rows}, call())
            assert answer["y"].ravel().tolist() == ["é", "b", "x" * SHARED_BYTES]

    asyncio.run(main())


def test_a_row_that_the_model_refuses_fails_alone(server: Server) -> None:
    async def main() -> list[Any]:
        async with opened(server, True, "table") as (_, table):
            kind = TensorBatches(*TABLE, model="table")
            sent = [table.submit(kind, {"x": np.array([[i]])}, call()) for i in (0, 99, 2)]
            return await asyncio.gather(*sent, return_exceptions=True)

    first, bad, last = asyncio.run(main())
    assert (first["y"].item(), last["y"].item()) == (10.0, 30.0)
    assert isinstance(bad, Invalid) and "its node Gather reports: indices element out of" in str(bad)


def test_bytes_that_are_no_text_fail_alone(server: Server) -> None:
    async def main() -> list[Any]:
        async with opened(server, False, "echo") as (_, echo):
            kind = TensorBatches(*ECHO, model="echo")
            sent = [echo.submit(kind, {"x": np.array([[one]], object)}, call()) for one in ("a", b"\xff", "b")]
            return await asyncio.gather(*sent, return_exceptions=True)

    first, bad, last = asyncio.run(main())
    assert (first["y"].item(), last["y"].item()) == ("a", "b")
    assert isinstance(bad, Invalid) and "must be UTF-8 text" in str(bad)


def test_a_version_that_triton_has_not_is_not_ready(server: Server) -> None:
    async def main() -> None:
        async with opened(server, False) as (channel,):
            batcher = open_triton(channel, "negate", 7, *NEGATE, Batching())
            with pytest.raises(NotReady):
                await negated(batcher, 1)
            await batcher.close()

    asyncio.run(main())


def test_a_triton_that_hangs_is_answered_for_and_never_writes_into_another_batch(server: Server) -> None:
    async def main() -> None:
        async with opened(server, True, "negate") as (channel, negate):
            # The batcher must not expect a batch to take longer than the deadline below: it would not try then.
            for _ in range(5):
                await negated(negate, LARGE_ROWS)
            (lost,) = files()
            server.hang()
            try:
                with pytest.raises(DeadlineExceeded):
                    await negated(negate, LARGE_ROWS, seconds=3)
                # The call to Triton ends at the same deadline, and perhaps a moment after the request.
                while lost not in channel.regions._retired:
                    await asyncio.sleep(0.01)
            finally:
                server.resume()
            await asyncio.gather(*(negated(negate, LARGE_ROWS, i) for i in range(8)))
            assert lost not in files()
            while channel.regions._retired:
                await asyncio.sleep(0.01)

    asyncio.run(main())
    assert files() == []


def test_a_version_is_available_only_while_triton_answers(server: Server) -> None:
    async def main() -> None:
        async with opened(server, False, "negate") as (channel, negate):

            async def until(available: bool) -> None:
                while negate.available() != available:
                    await asyncio.sleep(0.01)

            unknown = open_triton(channel, "negate", 7, *NEGATE, Batching())
            await until(True)
            server.hang()
            await until(False)
            server.resume()
            await until(True)
            server.kill()
            await until(False)
            server.start()
            await until(True)
            assert not unknown.available(), "this server does not have it"
            await unknown.close()

    asyncio.run(main())


def test_triton_may_be_killed_and_started_again(server: Server) -> None:
    async def main() -> None:
        async with opened(server, True, "negate") as (_, negate):
            await asyncio.gather(*(negated(negate, LARGE_ROWS, i) for i in range(4)))
            server.kill()
            with pytest.raises(Unavailable):
                await negated(negate, LARGE_ROWS)
            with pytest.raises(Unavailable):
                await negated(negate, 1)
            server.start()
            await _until_reachable(negate)
            before = set(files())
            for _ in range(2):
                await asyncio.gather(*(negated(negate, LARGE_ROWS, i) for i in range(4)))
            after = set(files())
            assert after, "shared memory is used again"
            assert not after & before, "and none that the new Triton does not know"

    asyncio.run(main())
    assert files() == []


async def _until_reachable(batcher: Batcher) -> None:
    while True:
        try:
            return await negated(batcher, 1)
        except Unavailable:
            await asyncio.sleep(0.05)


def only_warning(server: Server, caplog: pytest.LogCaptureFixture) -> str:
    """What is logged, once, when large batches are answered without shared memory."""

    async def main() -> None:
        async with opened(server, True, "negate") as (_, negate):
            for i in range(3):
                await negated(negate, LARGE_ROWS, i)

    asyncio.run(main())
    (record,) = [record for record in caplog.records if record.levelno >= logging.WARNING]
    return record.message


def test_a_triton_elsewhere_gets_raw_contents_and_one_warning(
    server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A region in a folder that Triton does not see is what a Triton on another machine finds."""
    monkeypatch.setattr(shared_memory, "FOLDER", tmp_path)

    warning = only_warning(server, caplog)
    assert "SLIPWAY_TRITON_SHARED_MEMORY: tensors are sent over gRPC instead" in warning
    assert list(tmp_path.iterdir()) == []


def test_a_full_shared_memory_gets_raw_contents_and_one_warning(
    server: Server, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(file: int, start: int, size: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)

    warning = only_warning(server, caplog)
    assert "No space left" in warning
    assert files() == []
