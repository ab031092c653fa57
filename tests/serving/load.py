"""A load on both doors that repeats nothing: whatever is not the right answer is counted as a failure."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from types import TracebackType

import grpc
import numpy as np
from tritonclient.grpc import service_pb2 as pb

from tests.serving.edge.wire import post

TENSORS = pb.ModelInferRequest(
    model_name="toy",
    inputs=[pb.ModelInferRequest.InferInputTensor(name="features", datatype="FP32", shape=[1, 2])],
    raw_input_contents=[np.ones((1, 2), np.float32).tobytes()],
).SerializeToString()
METHOD = "/inference.GRPCInferenceService/ModelInfer"
OWN_CONNECTION = (("grpc.use_local_subchannel_pool", 1),)
# As docs/kubernetes.md has clients do: gRPC's server cancels a call that comes in the moment it stops.
RETRIES = """{"methodConfig": [{"name": [{}], "retryPolicy": {"maxAttempts": 2, "initialBackoff": "0.01s",
  "maxBackoff": "0.1s", "backoffMultiplier": 2, "retryableStatusCodes": ["CANCELLED"]}}]}"""
CHANNEL = (*OWN_CONNECTION, ("grpc.service_config", RETRIES))


class Load:
    """Keeps requests coming from `with` to its end: over connections that are kept, and over new ones."""

    def __init__(
        self, http: str, rpc: str, body: bytes, expected: bytes, *, kept: int = 20, fresh: int = 4
    ) -> None:
        self.answers: Counter[str] = Counter()
        self.failures: Counter[str] = Counter()
        self._http, self._rpc = http, rpc
        self._request, self._expected = post(body), expected
        self._kept, self._fresh = kept, fresh
        self._ended = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._main()))

    def __enter__(self) -> Load:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    async def _main(self) -> None:
        workers = [self._again_and_again(close=False) for _ in range(self._kept)]
        workers += [self._again_and_again(close=True) for _ in range(self._fresh)]
        workers += [self._call(kept=True), self._call(kept=True), self._call(kept=False)]
        await asyncio.gather(*workers)

    async def _again_and_again(self, close: bool) -> None:
        while not self._ended.is_set():
            await self._connect(close)
            await asyncio.sleep(0.02 if close else 0)

    async def _connect(self, close: bool) -> None:
        """One connection, until it is said to end, found to have ended, or `close` after one request."""
        writer, kind = None, "new connection" if close else "kept connection"
        host, _, port = self._http.rpartition(":")
        try:
            reader, writer = await asyncio.open_connection(host, int(port))
            more = True
            while more and not self._ended.is_set() and not reader.at_eof():
                more = await self._ask(reader, writer, kind) and not close
                await asyncio.sleep(0.005)
        except (OSError, asyncio.IncompleteReadError) as error:
            self.failures[f"{kind}: {error!r}"] += 1
        finally:
            if writer is not None:
                writer.close()

    async def _ask(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, kind: str) -> bool:
        """Whether the connection may be used again."""
        writer.write(self._request)
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        body = await reader.readexactly(int(head.partition("content-length: ")[2].partition("\r\n")[0]))
        if head.startswith("http/1.1 200 ") and self._expected in body:
            self.answers[kind] += 1
        else:
            self.failures[f"{kind}: {head.splitlines()[0]} {body[:200]!r}"] += 1
        return "connection: close" not in head

    async def _call(self, kept: bool) -> None:
        kind = "kept channel" if kept else "new channel"
        while not self._ended.is_set():
            async with grpc.aio.insecure_channel(self._rpc, options=CHANNEL) as channel:
                infer = channel.unary_unary(METHOD, response_deserializer=pb.ModelInferResponse.FromString)
                more = True
                while more and not self._ended.is_set():
                    try:
                        answer = await infer(TENSORS, timeout=120)
                        assert np.frombuffer(answer.raw_output_contents[0], np.float32) == 2.0
                        self.answers[kind] += 1
                    except grpc.aio.AioRpcError as error:
                        self.failures[f"{kind}: {error.code()} {error.details()}"] += 1
                    more = kept
                    await asyncio.sleep(0.005)
