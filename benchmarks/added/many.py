"""Many small added models in one gateway process, beside the same process with one of them."""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np

from benchmarks.added import models
from benchmarks.load import closed_loop
from benchmarks.load.closed_loop import Sample
from benchmarks.load.wire import Request, post
from benchmarks.setup import usage
from benchmarks.setup.place import BenchmarkError, Place
from benchmarks.setup.servers import Launch, Running, Start, Subject, running
from control.console import note, print_table
from control.stack.programs import probes
from serving.kernel.storage.model_repository import Repository

__all__ = ["Found", "check", "load_rows", "main", "middle", "path_of", "start_rows"]

CLIENTS = (1, 16)
ROUNDS, SECONDS, WARM_UP_SECONDS = 3, 3.0, 1.0
IDLE_SECONDS = 5.0
START = ("models", "ready after, s", "VmHWM, MB", "more a model, MB", "after the load, MB", "threads", "idle CPU")
LOAD = ("clients", "models", "requests", "errors", "requests/s", "p50 ms", "p99 ms", "client CPU")


@dataclass
class Found:
    """What was measured of one gateway process."""

    models: int
    seconds: float
    """From the start of its process until every model was ready."""
    memory: float
    """Peak of its resident memory (VmHWM) before the load, in MB."""
    idle: float
    """Share of a core that it uses without requests."""
    threads: int
    after: float = 0.0
    """The peak after the load."""


def main(count: int) -> None:
    """Print two tables. Raises `BenchmarkError` when wrk is missing, or when a model answers wrongly."""
    closed_loop.require("wrk")
    place = Place.default()
    root = place.folder("added")
    note(f"adding {count} small models, each from a file of its own")
    names = models.publish(root, count)
    chosen = {len(some): some for some in (names[:1], names)}
    with ExitStack() as stack:
        servers = {size: stack.enter_context(_gateway(some, root, place)) for size, some in chosen.items()}
        found = {size: _look(server, size) for size, server in servers.items()}
        for size, server in servers.items():
            check(server.launch.http, Repository(root), chosen[size])
        before = os.getloadavg()[0]
        loads = {clients: _measure(servers, chosen, Repository(root), clients) for clients in CLIENTS}
        for size, server in servers.items():
            found[size].after = usage.peak(server.processes())
    print_table(
        START, start_rows(list(found.values())), "one gateway process, without Ray; its models are all alike"
    )
    print_table(
        LOAD,
        load_rows(loads),
        f":predict of one row, each request to the next model; medians of {ROUNDS} rounds of {SECONDS:g} s",
    )
    note(f"load average {before:.1f} before the requests; {os.cpu_count()} cores; wrk takes part of one")


def path_of(name: str) -> str:
    """Where a model answers questions."""
    return f"/v1/models/{name}:predict"


def check(port: int, repository: Repository, names: Sequence[str]) -> None:
    """Ask each model its first golden question. Raises `BenchmarkError` for an answer of other probabilities."""
    for name in names:
        row = repository.golden(name, 1)[0]
        answer = post(port, Request(path_of(name), msgspec.json.encode({"instances": [row.question]})))
        if answer.status != 200:
            raise BenchmarkError(f"{name}: {answer.status}: {answer.body[:300]!r}")
        wanted = msgspec.json.decode(row.answer)["probabilities"]
        given = msgspec.json.decode(answer.body)["predictions"][0]["probabilities"]
        if not np.allclose([given[label] for label in wanted], list(wanted.values()), atol=1e-4):
            raise BenchmarkError(f"{name} answers {given}; expected {wanted}")


def middle(samples: Sequence[Sample]) -> Sample:
    """The median of each figure; requests and errors are sums."""
    figures = {
        field: statistics.median(getattr(sample, field) for sample in samples)
        for field in ("p50_ms", "p95_ms", "p99_ms", "p999_ms", "max_ms", "client_cpu")
    }
    return Sample(
        requests=sum(sample.requests for sample in samples),
        errors=sum(sample.errors for sample in samples),
        seconds=sum(sample.seconds for sample in samples),
        **figures,
    )


def start_rows(found: Sequence[Found]) -> list[tuple[str, ...]]:
    """One row per gateway; memory of a model is measured against the gateway with fewest."""
    first, rows = found[0], list[tuple[str, ...]]()
    for one in found:
        more = one.models - first.models
        each = f"{(one.memory - first.memory) / more:.2f}" if more else ""
        figures = (f"{one.seconds:.2f}", f"{one.memory:.0f}", each, f"{one.after:.0f}", str(one.threads))
        rows.append((str(one.models), *figures, f"{one.idle:.1%}"))
    return rows


def load_rows(loads: Mapping[int, Mapping[int, Sample]]) -> list[tuple[str, ...]]:
    """One row per number of clients and models."""
    return [
        (
            *(str(clients), str(size), str(seen.requests), str(seen.errors), f"{seen.rate:.0f}"),
            *(f"{seen.p50_ms:.2f}", f"{seen.p99_ms:.2f}", f"{seen.client_cpu:.0%}"),
        )
        for clients, sizes in loads.items()
        for size, seen in sizes.items()
    ]


def _gateway(names: Sequence[str], root: Path, place: Place) -> AbstractContextManager[Running]:
    """A gateway process that serves these models, for as long as the block lasts."""

    def variables(launch: Launch) -> Mapping[str, str]:
        return {
            "SLIPWAY_HOME": str(launch.folder),
            "SLIPWAY_MODEL_REPOSITORY": str(root),
            "SLIPWAY_APPS": ",".join(names),
            "SLIPWAY_HTTP_PORT": str(launch.http),
            "SLIPWAY_GRPC_PORT": str(launch.grpc),
        }

    start = Start(lambda launch: [str(launch.python), "-m", "serving"], variables)
    subject = Subject(python=Path(sys.executable), model=root, name=names[0], threads=1)
    return running(start, subject, place, place.log(f"added-{len(names)}"), _ready)


def _ready(launch: Launch) -> bool:
    return probes.http(f"http://127.0.0.1:{launch.http}/v2/health/ready")


def _look(server: Running, size: int) -> Found:
    (process,) = server.processes()
    memory, threads = usage.peak([process]), process.num_threads()
    before = usage.cpu_seconds([process])
    time.sleep(IDLE_SECONDS)
    idle = usage.spent(before, usage.cpu_seconds([process])) / IDLE_SECONDS
    return Found(models=size, seconds=server.seconds, memory=memory, idle=idle, threads=threads)


def _measure(
    servers: Mapping[int, Running], chosen: Mapping[int, Sequence[str]], repository: Repository, clients: int
) -> dict[int, Sample]:
    """Models -> what so many clients saw; the gateways take turns."""
    samples: dict[int, list[Sample]] = {size: [] for size in servers}
    for number in range(ROUNDS):
        note(f"{clients} clients, round {number + 1} of {ROUNDS}")
        for size, server in servers.items():
            names = chosen[size]
            body = msgspec.json.encode({"instances": [repository.golden(names[0], 1)[0].question]})
            request, paths = Request(path_of(names[0]), body), tuple(map(path_of, names))
            for seconds in (WARM_UP_SECONDS, SECONDS):
                seen = closed_loop.http_load(server.launch.http, request, clients, seconds, paths)
            samples[size].append(seen)
    return {size: middle(some) for size, some in samples.items()}
