"""Every app in one gateway replica: its memory beside an idle Ray Serve replica's, and each app's latency.

Versions are trained on synthetic data where there are none yet, so that every app can be asked its own example.
"""

from __future__ import annotations

import http.client
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import msgspec

from benchmarks.contest.contestants import slipway
from benchmarks.contest.report import VERDICTS
from benchmarks.contest.run import REPLICA
from benchmarks.load import closed_loop
from benchmarks.load.closed_loop import Sample
from benchmarks.load.wire import Request, post
from benchmarks.setup import publish, usage
from benchmarks.setup.place import ROOT, BenchmarkError, Place
from benchmarks.setup.servers import Launch, Running, Subject, clean_environment, running
from benchmarks.setup.usage import Memory
from control.console import note, print_table
from control.stack.programs import probes
from serving.kernel.find_app import find_apps

__all__ = ["GOAL_MEGABYTES", "GOAL_P95_MS", "AppLoad", "main", "memory_rows", "row"]

CLIENTS = 8
WARM_UP_SECONDS, SECONDS = 2.0, 5.0
GOAL_P95_MS = 10.0
GOAL_MEGABYTES = 1200.0
"""Of a gateway replica with every app after the load, beyond an idle replica of nothing."""
COLUMNS = ("app", "request, bytes", "requests", "errors", "requests/s", "p50 ms", "p95 ms", "p99 ms", "client CPU")


@dataclass(frozen=True)
class AppLoad:
    """One app under load."""

    app: str
    request: Request
    sample: Sample


def main() -> None:
    """Print two tables. Raises `BenchmarkError` when a client is missing or an app cannot be trained."""
    closed_loop.require("wrk")
    place, apps = Place.default(), find_apps()
    for app in apps:
        publish.trained(app.name, place, note)
    requests = {
        app.name: Request(f"/v1/models/{app.name}:predict", msgspec.json.encode({"instances": [app.example]}))
        for app in apps
    }
    nothing = _nothing()
    start = slipway(1, apps=tuple(requests))
    subject = Subject(python=Path(sys.executable), model=place.repository, name="all", threads=1)
    with running(start, subject, place, place.log("gateway"), lambda launch: _answers(launch, requests)) as server:
        idle = _replica(server)
        before = os.getloadavg()[0]
        loads = [_press(server, name, request) for name, request in requests.items()]
        after = _replica(server)
    print_table(
        (*COLUMNS, f"p95 under {GOAL_P95_MS:g} ms"),
        map(row, loads),
        f":predict of each app's example, {CLIENTS} clients, all {len(apps)} apps in one replica",
    )
    note(f"load average {before:.1f} before the first app; {os.cpu_count()} cores; wrk takes part of one")
    print_table(
        ("memory", "PSS, MB", "RSS, MB", "beyond nothing, MB", f"under {GOAL_MEGABYTES:g} MB"),
        memory_rows(nothing, idle, after),
        "one process",
    )


def row(one: AppLoad) -> tuple[str, ...]:
    """Cells of one app's load under the table's columns."""
    seen = one.sample
    return (
        *(one.app, str(len(one.request.body)), str(seen.requests), str(seen.errors), f"{seen.rate:.0f}"),
        *(f"{value:.2f}" for value in (seen.p50_ms, seen.p95_ms, seen.p99_ms)),
        f"{seen.client_cpu:.0%}",
        VERDICTS[seen.p95_ms < GOAL_P95_MS and not seen.errors],
    )


def memory_rows(nothing: Memory, idle: Memory, after: Memory) -> list[tuple[str, ...]]:
    """A replica of nothing, and the gateway's before and after the load; the goal is for the last."""
    rows: list[tuple[str, ...]] = []
    for name, seen in (
        ("replica of nothing", nothing),
        ("gateway, before the load", idle),
        ("gateway, after it", after),
    ):
        beyond = seen.pss - nothing.pss
        verdict = VERDICTS[beyond < GOAL_MEGABYTES] if seen is after else ""
        rows.append((name, f"{seen.pss:.0f}", f"{seen.rss:.0f}", f"{beyond:.0f}", verdict))
    return rows


def _nothing() -> Memory:
    """In a process of its own, as Ray keeps much of what it has seen."""
    command = [sys.executable, "-m", "benchmarks.setup.nothing"]
    done = subprocess.run(
        command, env=clean_environment(), cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
    )
    if done.returncode:
        raise BenchmarkError(f"{' '.join(command[1:])} failed:\n{done.stderr[-2000:]}")
    return msgspec.json.decode(done.stdout.splitlines()[-1], type=Memory)


def _answers(launch: Launch, requests: dict[str, Request]) -> bool:
    """Whether every app answers from its version, no fallback. Raises `BenchmarkError` for a refused example."""
    if not probes.http(f"http://127.0.0.1:{launch.http}/v2/health/ready"):
        return False
    for name, request in requests.items():
        try:
            answer = post(launch.http, request)
        except (OSError, http.client.HTTPException):
            return False
        if answer.status != 200:
            raise BenchmarkError(f"{name}: {answer.status}: {answer.body[:300]!r}")
    return True


def _replica(server: Running) -> Memory:
    found = [process for process in server.processes() if REPLICA in " ".join(process.cmdline())]
    if len(found) != 1:
        raise BenchmarkError(f"{len(found)} gateway replicas; expected one")
    return usage.memory(found)


def _press(server: Running, name: str, request: Request) -> AppLoad:
    note(f"{name} ...")
    closed_loop.http_load(server.launch.http, request, CLIENTS, WARM_UP_SECONDS)
    return AppLoad(name, request, closed_loop.http_load(server.launch.http, request, CLIENTS, SECONDS))
