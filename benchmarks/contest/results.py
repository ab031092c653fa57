"""What was measured, as it is written to JSON, and the medians the tables and goals are made of."""

from __future__ import annotations

import os
import platform
import statistics
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec

from benchmarks.load.closed_loop import Sample
from benchmarks.load.open_loop import Outcome
from benchmarks.setup.usage import Memory
from training.registry.provenance import git_commit, libraries

__all__ = ["Figure", "Idle", "Machine", "Middle", "Open", "Own", "Results", "Startup", "middle", "this_machine"]


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """One closed-loop run."""

    workload: str
    contestant: str
    clients: int
    rows: int
    round: int
    sample: Sample
    cpu_us: float
    """Microseconds of CPU of all the contestant's processes, per request."""


class Startup(msgspec.Struct, frozen=True, kw_only=True):
    """One start: seconds to the first correct answer, and memory of all processes after the load."""

    contestant: str
    model: str
    round: int
    seconds: float
    memory: Memory


class Idle(msgspec.Struct, frozen=True, kw_only=True):
    """One gateway replica of Slipway that has nothing to do."""

    round: int
    memory: Memory
    cpu_percent: float
    """Of one core, in the threads that are not Ray's."""
    process_cpu_percent: float = 0.0
    """Of one core, Ray's part of the process included."""


class Own(msgspec.Struct, frozen=True, kw_only=True):
    """ONNX Runtime alone."""

    model: str
    threads: int
    batch: int
    round: int
    rows_per_second: float


class Open(msgspec.Struct, frozen=True, kw_only=True):
    """One open-loop run at `share` of the contestant's own capacity."""

    contestant: str
    share: float
    rate: float
    outcome: Outcome


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """Where it was measured."""

    processor: str
    cores: int
    memory_gb: float
    kernel: str
    python: str
    commit: str
    libraries: dict[str, str]
    load_before: float
    """The load average when the benchmark began; well above 0, others were at work."""


class Results(msgspec.Struct, kw_only=True):
    """Everything; written after each session."""

    machine: Machine
    started: str
    seconds: float
    rounds: int
    slipway_threads: int
    """Threads of one inference in Slipway, which takes all cores."""
    figures: list[Figure] = []
    startups: list[Startup] = []
    idle: list[Idle] = []
    own: list[Own] = []
    open: list[Open] = []
    failures: dict[str, str] = {}
    """Contestant -> why it could not be measured."""

    def rate(self, workload: str, contestant: str, clients: int) -> Middle | None:
        """Requests per second; None where nothing was measured."""
        return self._middle(workload, contestant, clients, lambda figure: figure.sample.rate)

    def figure(
        self, workload: str, contestant: str, clients: int, take: Callable[[Figure], float]
    ) -> Middle | None:
        """Any other number of the runs."""
        return self._middle(workload, contestant, clients, take)

    def own_rows(self, model: str, threads: int) -> float | None:
        """ONNX Runtime's own rows per second at its best batch."""
        batches = {item.batch for item in self.own if (item.model, item.threads) == (model, threads)}
        found = [
            middle(
                item.rows_per_second
                for item in self.own
                if (item.model, item.threads, item.batch) == (model, threads, batch)
            )
            for batch in batches
        ]
        return max((item.median for item in found if item is not None), default=None)

    def _middle(
        self, workload: str, contestant: str, clients: int, take: Callable[[Figure], float]
    ) -> Middle | None:
        return middle(
            take(item)
            for item in self.figures
            if (item.workload, item.contestant, item.clients) == (workload, contestant, clients)
        )


class Middle(msgspec.Struct, frozen=True):
    """Median and range of a few rounds."""

    median: float
    low: float
    high: float


def middle(values: Iterable[float]) -> Middle | None:
    """None of nothing."""
    found = sorted(values)
    return Middle(statistics.median(found), found[0], found[-1]) if found else None


def this_machine() -> Machine:
    """Read from /proc."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    processor = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    return Machine(
        processor=processor or platform.processor(),
        cores=len(os.sched_getaffinity(0)),
        memory_gb=round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        kernel=platform.release(),
        python=sys.version.split()[0],
        commit=git_commit(),
        libraries=libraries(),
        load_before=round(os.getloadavg()[0], 2),
    )
