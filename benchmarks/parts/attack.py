"""Asks the same on every way into a gateway and reports where the answers differ; then damages versions.

The ways are the hot lane, Starlette (the same request with an empty query string), binary tensors and gRPC, over
real sockets. Requests are valid ones with random changes: to their fields, to their headers, to their bytes. The
model gives back what it is given. Damage is the test of damaged versions, repeated with other random numbers.
"""

from __future__ import annotations

import http.client
import json
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import grpc
import msgspec
import numpy as np
from tritonclient.grpc import service_pb2 as pb

from benchmarks.parts.lane import Plane
from benchmarks.setup.models import app_of
from benchmarks.setup.place import BenchmarkError
from control.console import note, print_table
from serving.edge.application import HttpApplication
from serving.edge.grpc.door import GrpcDoor
from serving.hosting.listener import Listener
from serving.kernel.app import App
from serving.kernel.backend import BatchKind
from serving.kernel.errors import NotFound
from serving.kernel.settings import Settings
from serving.observe.metrics import Metrics

__all__ = ["Report", "fuzz", "main"]

MODEL, WIDTH = "autoencoder", 50
METHOD = "/inference.GRPCInferenceService/ModelInfer"
SAME = {
    grpc.StatusCode.OK: (200,),
    grpc.StatusCode.INVALID_ARGUMENT: (400, 422),
    grpc.StatusCode.NOT_FOUND: (404,),
    grpc.StatusCode.RESOURCE_EXHAUSTED: (413,),
}
"""The HTTP statuses that say the same as one of gRPC's."""
DAMAGE = ("tests/serving/models/test_damaged_versions.py", "random_damage")
MOST_SHOWN = 20
VARYING = ("date", "connection")
"""Headers left out: Starlette may answer before it has read the body, and then closes the connection."""
HEADERS: tuple[dict[str, str], ...] = (
    {},
    {},
    {"content-type": "application/octet-stream"},
    {"content-type": "text/csv"},
    {"content-type": "application/json; charset=latin1"},
    {"x-request-timeout-ms": "5000"},
    {"x-request-timeout-ms": "0"},
    {"x-request-timeout-ms": "soon"},
    {"inference-header-content-length": "10"},
    {"priority": "u=7"},
    {"accept-encoding": "br"},
    {"traceparent": "00-" + "a" * 32 + "-" + "b" * 16 + "-01"},
    {"host": "models.example:8000"},
    {"host": "a b"},
)


class Echo(Plane):
    """One version of one app over a model that gives back its input."""

    def __init__(self, app: App[Any, Any, Any], metrics: Metrics) -> None:
        super().__init__(app, metrics)
        self.settings = Settings(http_port=0, grpc_port=0, max_rows=64)

    def app(self, model: str, version: int | None = None) -> App[Any, Any, Any]:
        """The one there is. Raises `NotFound` for another name."""
        if model != self._app.name:
            raise NotFound(f"no model {model[:64]!r}; there is {self._app.name}")
        return self._app

    def _run(self, kind: BatchKind, payloads: Sequence[Any], deadline: float) -> list[Any]:
        return kind.split(payloads, {"output": kind.join(payloads)["x"]})


@dataclass
class Report:
    """How many requests of each kind were compared, and a text for each that was answered in two ways."""

    compared: Counter[str] = field(default_factory=Counter)
    statuses: Counter[int] = field(default_factory=Counter)
    differences: list[str] = field(default_factory=list)


Reply = tuple[int, dict[str, str], bytes]


class Ways:
    """Clients of one gateway, one for each way into it."""

    def __init__(self, ports: Any) -> None:
        self._http = http.client.HTTPConnection("127.0.0.1", ports.http, timeout=60)
        self._channel = grpc.insecure_channel(f"127.0.0.1:{ports.grpc}")

    def close(self) -> None:
        """Close both connections."""
        self._http.close()
        self._channel.close()

    def post(self, path: str, body: bytes, headers: dict[str, str]) -> Reply:
        """One request over HTTP; the answer without what differs from one request to the next."""
        self._http.request(
            "POST", path, body, {"x-request-id": "same", "content-type": "application/json", **headers}
        )
        answer = self._http.getresponse()
        kept = {name.lower(): value for name, value in answer.getheaders() if name.lower() not in VARYING}
        return answer.status, kept, answer.read()

    def call(self, message: Any) -> tuple[grpc.StatusCode, Any]:
        """One call over gRPC: its status, and the answer or the error's text."""
        try:
            raw = self._channel.unary_unary(METHOD)(message.SerializeToString(), timeout=60)
        except grpc.RpcError as error:
            failed: Any = error
            return failed.code(), failed.details()
        return grpc.StatusCode.OK, pb.ModelInferResponse.FromString(raw)


@dataclass
class Tensor:
    """A tensor request as data, to be written in each form."""

    values: np.ndarray[Any, np.dtype[np.float32]]
    shape: list[int]
    name: str = "x"
    datatype: str = "FP32"
    output: tuple[str, ...] = ()
    version: str = ""
    model: str = MODEL
    twice: bool = False

    @property
    def path(self) -> str:
        """The path over HTTP."""
        version = f"/versions/{self.version}" if self.version else ""
        return f"/v2/models/{self.model}{version}/infer"

    def envelope(self, **more: Any) -> bytes:
        """The JSON; `more` are fields of each tensor."""
        one = {"name": self.name, "datatype": self.datatype, "shape": self.shape, **more}
        outputs = {"outputs": [{"name": name} for name in self.output]} if self.output else {}
        return json.dumps({"inputs": [one] * (2 if self.twice else 1), **outputs}).encode()

    def message(self) -> Any:
        """The message of gRPC."""
        made = pb.ModelInferRequest(model_name=self.model, model_version=self.version)
        for _ in range(2 if self.twice else 1):
            made.inputs.add(name=self.name, datatype=self.datatype, shape=self.shape)
            made.raw_input_contents.append(self.values.tobytes())
        for name in self.output:
            made.outputs.add(name=name)
        return made


CHANGES: dict[str, Callable[[Tensor, random.Random], None]] = {
    "nothing": lambda one, dice: None,
    "special values": lambda one, dice: one.values.put(
        dice.randrange(one.values.size), dice.choice([np.nan, np.inf, -np.inf, -0.0, 3e38, 1e-45])
    ),
    "name": lambda one, dice: setattr(one, "name", dice.choice(["", "y", "x" * 70, "\u00e9"])),
    "datatype": lambda one, dice: setattr(one, "datatype", dice.choice(["", "fp32", "FP64", "INT32", "BYTES"])),
    "shape": lambda one, dice: one.shape.__setitem__(
        dice.randrange(2), dice.choice([0, -1, 1, 49, 50, 65, 2**31, 2**62])
    ),
    "axes": lambda one, dice: setattr(one, "shape", dice.choice([[], [50], [1, 50, 1], [1, 1, 50], [1]])),
    "output": lambda one, dice: setattr(one, "output", dice.choice([("output",), ("output",) * 2, ("z",), ("",)])),
    "version": lambda one, dice: setattr(one, "version", dice.choice(["1", "01", "x", "0", "-1", "1.0"])),
    "model": lambda one, dice: setattr(one, "model", dice.choice(["nosuch", "x" * 300, "..."])),
    "twice": lambda one, dice: setattr(one, "twice", True),
}


def fuzz(seconds: float, seed: int) -> Report:
    """Compare requests for so many seconds. The same seed makes the same requests in the same order."""
    app, metrics, report = app_of(MODEL), Metrics(), Report()
    plane = Echo(app, metrics)
    listener = Listener(HttpApplication(plane), GrpcDoor(plane), plane.settings)
    listener.start()
    ways, dice = Ways(listener.ports), random.Random(seed)
    ended = time.monotonic() + seconds
    try:
        while time.monotonic() < ended:
            dice.choice((_tensors, _bytes))(ways, dice, app, report)
    finally:
        ways.close()
        listener.stop(1.0)
    return report


def _tensors(ways: Ways, dice: random.Random, app: App[Any, Any, Any], report: Report) -> None:
    """One tensor request with up to two changes, in every form."""
    rows = dice.randrange(1, 4)
    values = np.array([[dice.gauss(0, 1) for _ in range(WIDTH)] for _ in range(rows)], np.float32)
    one, names = Tensor(values, [rows, WIDTH]), dice.choices(list(CHANGES), k=dice.randrange(3))
    for name in names:
        if name != "shape" or len(one.shape) == 2:
            CHANGES[name](one, dice)
    text = one.envelope(data=one.values.reshape(-1).tolist())
    size, parts = one.values.nbytes, 2 if one.twice else 1
    head = one.envelope(parameters={"binary_data_size": size})
    binary = head + one.values.tobytes() * parts
    hot, cold = ways.post(one.path, text, {}), ways.post(one.path + "?", text, {})
    raw = ways.post(one.path, binary, {"inference-header-content-length": str(len(head))})
    code, answer = ways.call(one.message())
    what = f"{names} {one}"
    report.compared["tensors"] += 1
    report.statuses[hot[0]] += 1
    if hot != cold:
        report.differences.append(f"{what}: hot lane {hot}, Starlette {cold}")
    if _kind(raw[0]) != _kind(hot[0]):
        report.differences.append(f"{what}: JSON {hot}, binary {raw}")
    if hot[0] not in SAME.get(code, ()):
        report.differences.append(f"{what}: HTTP {hot}, gRPC {code} {answer}")
    elif hot[0] == 200:
        _compare(what, one, hot[2], answer, report)


def _kind(status: int) -> int:
    """Forms differ in whether something malformed is 400 or 422, because their bytes do."""
    return 400 if status == 422 else status


def _compare(what: str, one: Tensor, body: bytes, answer: Any, report: Report) -> None:
    """Compare the values of an answer over HTTP and over gRPC with what was sent."""
    sent = one.values.reshape(-1)
    over_grpc = np.frombuffer(answer.raw_output_contents[0], np.float32)
    data = json.loads(body)["outputs"][0]["data"]
    over_http = np.array([np.nan if value is None else value for value in data], np.float32)
    if not np.array_equal(over_grpc, sent, equal_nan=True):
        report.differences.append(f"{what}: gRPC gave {over_grpc}")
    if not np.array_equal(over_http, np.where(np.isfinite(sent), sent, np.nan), equal_nan=True):
        report.differences.append(f"{what}: HTTP gave {over_http}")


def _bytes(ways: Ways, dice: random.Random, app: App[Any, Any, Any], report: Report) -> None:
    """A request with changed bytes and headers, on the hot lane and through Starlette."""
    if dice.random() < 0.5:
        path, body = f"/v1/models/{MODEL}:predict", msgspec.json.encode({"instances": [app.example]})
    else:
        one = Tensor(np.ones((1, WIDTH), np.float32), [1, WIDTH])
        path, body = one.path, one.envelope(data=[1.0] * WIDTH)
    body, headers = _damaged(body, dice), dice.choice(HEADERS)
    hot, cold = ways.post(path, body, headers), ways.post(path + "?", body, headers)
    report.compared["bytes"] += 1
    report.statuses[hot[0]] += 1
    if hot != cold:
        report.differences.append(f"{path} {headers} {body!r}: hot lane {hot}, Starlette {cold}")
    if hot[0] >= 500:
        report.differences.append(f"{path} {headers} {body!r}: {hot}")


def _damaged(body: bytes, dice: random.Random) -> bytes:
    made = bytearray(body)
    for _ in range(dice.randrange(4)):
        place = dice.randrange(len(made) + 1)
        match dice.randrange(4):
            case 0:
                del made[place : place + dice.randrange(1, 9)]
            case 1:
                made[place:place] = dice.choice(
                    [b"NaN", b"null", b"1e999", b'"', b"[", b"}", b"\xff", b"\0", b"5.0"]
                )
            case 2:
                made[place:place] = made[place : place + dice.randrange(40)]
            case _:
                made[place : place + 1] = dice.randbytes(1)
    return bytes(made)


def main(minutes: float) -> None:
    """Attack for so many minutes and print what was compared. Raises `BenchmarkError` for a difference."""
    seed, half = random.randrange(2**32), minutes * 30
    note(f"comparing the ways into a gateway for {half:.0f} s; seed {seed}")
    report = fuzz(half, seed)
    rows = [(kind, str(count)) for kind, count in report.compared.items()]
    rows += [(f"answered with {status}", str(count)) for status, count in sorted(report.statuses.items())]
    print_table(("requests", "number"), rows)
    for text in report.differences[:MOST_SHOWN]:
        note(text)
    if report.differences:
        raise BenchmarkError(f"{len(report.differences)} requests were answered in two ways; seed {seed}")
    note(f"damaging versions for {half:.0f} s")
    _damage(time.monotonic() + half)


def _damage(ended: float) -> None:
    path, name = DAMAGE
    runs = 0
    while time.monotonic() < ended or not runs:
        seed = random.randrange(2**32)
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", path, "-k", name]
        done = subprocess.run([*command, f"--hypothesis-seed={seed}"], capture_output=True, text=True, check=False)
        if done.returncode:
            raise BenchmarkError(f"damage to one app reached another; seed {seed}\n{done.stdout[-4000:]}")
        runs += 1
    note(f"{runs} runs of {name}")
