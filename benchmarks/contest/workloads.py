"""What is asked of the contestants, and for how long everything takes."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.contest.contestants import CONTESTANTS, Contestant
from benchmarks.setup.place import BenchmarkError

__all__ = [
    "OPEN_CONTESTANTS",
    "OPEN_SHARES",
    "WORKLOADS",
    "Session",
    "Workload",
    "choose",
    "sessions",
    "threads_of",
]

SINGLE = (1, 16, 64)


@dataclass(frozen=True)
class Workload:
    """One table."""

    name: str
    title: str
    model: str
    door: str
    """Key of `Contestant.doors`."""
    rows: int
    """In each request."""
    clients: tuple[int, ...]
    contestants: tuple[str, ...] = ()
    """Empty: everybody who has the door."""
    stretch: int = 1
    """Runs take this many times as long; for a model that answers few requests per second."""


WORKLOADS: dict[str, Workload] = {
    item.name: item
    for item in (
        Workload("json", "Autoencoder, one row, JSON", "autoencoder", "json", 1, SINGLE),
        Workload(
            "binary",
            "Autoencoder, one row, binary tensors over HTTP",
            "autoencoder",
            "binary",
            1,
            (1, 64),
            ("slipway", "triton", "kserve"),
        ),
        Workload(
            "binary64",
            "Autoencoder, 64 rows, binary tensors over HTTP",
            "autoencoder",
            "binary",
            64,
            (1, 16),
            ("slipway", "slipway-2", "triton", "kserve"),
        ),
        Workload(
            "grpc",
            "Autoencoder, one row, gRPC",
            "autoencoder",
            "grpc",
            1,
            SINGLE,
            ("slipway", "slipway-2", "triton"),
        ),
        Workload("price", "Price, typed records", "price", "price", 1, SINGLE, ("slipway",)),
        Workload(
            "xgb",
            "XGBoost, 500 trees, one row, JSON",
            "xgb500",
            "json",
            1,
            (64,),
            ("slipway", "uvicorn", "granian", "fastapi", "mosec-64", "mosec-8", "triton"),
        ),
        Workload(
            "xgb64",
            "XGBoost, 500 trees, 64 rows, binary tensors over HTTP",
            "xgb500",
            "binary",
            64,
            (16,),
            ("slipway", "triton"),
        ),
        Workload(
            "minilm",
            "MiniLM, 32 tokens, JSON",
            "minilm",
            "json",
            1,
            (32,),
            ("slipway", "uvicorn", "fastapi", "mosec-8", "triton"),
            stretch=3,
        ),
    )
}
"""By name, in the order of the report."""

OPEN_CONTESTANTS = ("slipway", "uvicorn", "mosec-64", "triton")
"""Who is asked by the clock, with the requests of workload `json`."""
OPEN_SHARES = (0.5, 0.8, 1.2)
"""Of the contestant's own rate at 64 clients."""


@dataclass(frozen=True)
class Session:
    """One start of one contestant with one model, and what is measured before it is ended."""

    contestant: Contestant
    model: str
    workloads: tuple[Workload, ...]


def choose(names: Sequence[str]) -> tuple[Workload, ...]:
    """The workloads of those names, all without names. Raises `BenchmarkError`."""
    unknown = [name for name in names if name not in WORKLOADS]
    if unknown:
        raise BenchmarkError(f"there is no workload {unknown[0]!r}; there are: {', '.join(WORKLOADS)}")
    return tuple(item for item in WORKLOADS.values() if not names or item.name in names)


def sessions(workloads: Sequence[Workload], only: Sequence[str]) -> list[Session]:
    """Who is started with which model, workloads of one model together. Raises `BenchmarkError`."""
    unknown = [name for name in only if name not in CONTESTANTS]
    if unknown:
        raise BenchmarkError(f"there is no contestant {unknown[0]!r}; there are: {', '.join(CONTESTANTS)}")
    made = []
    for model in dict.fromkeys(item.model for item in workloads):
        for contestant in CONTESTANTS.values():
            asked = tuple(item for item in workloads if item.model == model and _takes(contestant, item))
            if asked and (not only or contestant.name in only):
                made.append(Session(contestant, model, asked))
    return made


def threads_of(model: str) -> int:
    """Threads of one inference, the same for every peer: one where a batch takes microseconds, else every core."""
    return len(os.sched_getaffinity(0)) if model == "minilm" else 1


def _takes(contestant: Contestant, workload: Workload) -> bool:
    named = not workload.contestants or contestant.name in workload.contestants
    return named and workload.door in contestant.doors
