"""Results made up for tests."""

from __future__ import annotations

from benchmarks.contest.results import Figure, Machine, Results
from benchmarks.load.closed_loop import Sample

MACHINE = Machine(
    processor="p", cores=2, memory_gb=1.0, kernel="k", python="3.11", commit="c", libraries={}, load_before=0.0
)


def results(figures: list[Figure] | None = None, rounds: int = 1) -> Results:
    return Results(
        machine=MACHINE,
        started="2026-01-01T00:00:00Z",
        seconds=1.0,
        rounds=rounds,
        slipway_threads=2,
        figures=figures or [],
    )


def sample(rate: float, errors: int = 0) -> Sample:
    """One second of so many successful requests per second."""
    return Sample(
        requests=int(rate) + errors, seconds=1.0, errors=errors, p50_ms=1.0, p99_ms=2.0, p999_ms=3.0, max_ms=4.0
    )


def figure(workload: str, contestant: str, clients: int, rate: float, round: int = 0, rows: int = 1) -> Figure:
    return Figure(
        workload=workload,
        contestant=contestant,
        clients=clients,
        rows=rows,
        round=round,
        sample=sample(rate),
        cpu_us=10.0,
    )
