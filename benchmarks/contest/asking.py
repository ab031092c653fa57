"""A workload's request to one contestant: what it is, what the right answer is, and how it is sent."""

from __future__ import annotations

import http.client
from dataclasses import dataclass
from pathlib import Path

import grpc
import numpy as np

from benchmarks.contest.contestants import Contestant
from benchmarks.contest.workloads import Workload
from benchmarks.load.closed_loop import Sample, grpc_load, http_load
from benchmarks.load.wire import WIRES, Answer, Floats, Request, Wire, post
from benchmarks.setup.models import app_of, sample
from benchmarks.setup.place import BenchmarkError
from benchmarks.setup.servers import Launch
from serving.kernel.storage.version_files import decode_context, read_manifest
from training.onnx.parity import onnx_model

__all__ = ["Asked", "expected", "prepare"]

FRAME = 5
"""Bytes gRPC puts in front of a message."""
TOLERANCE = 1e-3


@dataclass(frozen=True)
class Asked:
    """One request, ready to be sent."""

    workload: Workload
    wire: Wire
    request: Request
    right: Floats

    @property
    def is_grpc(self) -> bool:
        """Whether it is for the gRPC door."""
        return self.workload.door == "grpc"

    def ask(self, launch: Launch) -> Answer | None:
        """The answer; None while nobody answers, or not with success."""
        answer = self._call(launch.grpc) if self.is_grpc else self._post(launch.http)
        return answer if answer is not None and answer.status == 200 else None

    def check(self, launch: Launch) -> bool:
        """Whether there is an answer. Raises `BenchmarkError` when there is one and it is wrong."""
        answer = self.ask(launch)
        if answer is None:
            return False
        try:
            given = self.wire.read(answer)
        except (ValueError, KeyError, IndexError, TypeError) as cause:
            raise BenchmarkError(f"an answer of another form: {answer.body[:200]!r}") from cause
        if given.size != self.right.size or not np.allclose(
            given.reshape(-1), self.right.reshape(-1), rtol=TOLERANCE, atol=TOLERANCE
        ):
            raise BenchmarkError(
                f"a wrong answer: {given.reshape(-1)[:3]}; ONNX Runtime: {self.right.reshape(-1)[:3]}"
            )
        return True

    def load(self, launch: Launch, clients: int, seconds: float) -> Sample:
        """So many clients for so long. Raises `BenchmarkError` when the client cannot run."""
        if not self.is_grpc:
            return http_load(launch.http, self.request, clients, seconds)
        answer = self.ask(launch)
        if answer is None:
            raise BenchmarkError("the gRPC door does not answer")
        return grpc_load(launch.grpc, self.request, clients, seconds, len(answer.body))

    def _post(self, port: int) -> Answer | None:
        try:
            return post(port, self.request)
        except (OSError, http.client.HTTPException):
            return None

    def _call(self, port: int) -> Answer | None:
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            try:
                message: bytes = channel.unary_unary(self.request.path)(self.request.body[FRAME:], timeout=10)
            except grpc.RpcError:
                return None
        return Answer(200, {}, bytes(FRAME) + message)


def prepare(workload: Workload, contestant: Contestant, model: Path) -> Asked:
    """The workload's request in the form the contestant takes."""
    wire = WIRES[contestant.doors[workload.door]]
    inputs = sample(workload.model, workload.rows)
    return Asked(
        workload, wire, wire.write(workload.model, inputs), expected(workload, model, tensors=wire.tensors)
    )


def expected(workload: Workload, model: Path, tensors: bool) -> Floats:
    """What ONNX Runtime and the app's own functions give in this process."""
    app = app_of(workload.model)
    run = onnx_model(model)
    if workload.model == "price":
        context = decode_context(read_manifest(model.parent), app.context)
        outputs = run(app.features([app.example], context))
        return np.array([record.price for record in app.decide([app.example], outputs, context)])
    (rows,) = run(sample(workload.model, workload.rows)).values()
    found: Floats = (rows if tensors else (rows * rows).mean(axis=1)).astype(np.float64)
    return found
