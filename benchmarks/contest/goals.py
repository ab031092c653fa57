"""The goals the data plane has set itself: ratios within one run, reached or missed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.contest.contestants import CONTESTANTS
from benchmarks.contest.results import Results, middle

__all__ = ["RATIOS", "Line", "Ratio", "judge", "plural"]

OURS = "slipway"
IDLE_MEGABYTES = 250.0
IDLE_PERCENT = 1.0
SATURATED = {"xgb500": ("xgb", "xgb64"), "minilm": ("minilm",)}
"""Model -> workloads whose best is held against ONNX Runtime's own rows per second."""
OWN_SHARE = 0.9


@dataclass(frozen=True)
class Ratio:
    """Slipway's requests per second over a peer's, or over the best of a family, at this number of clients."""

    workload: str
    peer: str
    clients: int
    least: float
    stretch: bool = False
    """Wanted, not promised."""


@dataclass(frozen=True)
class Line:
    """One goal and what came of it. `reached` is None where something was not measured."""

    goal: str
    wanted: str
    measured: str
    reached: bool | None
    stretch: bool = False


RATIOS = (
    Ratio("json", "ray", 64, 60),
    Ratio("json", "ray", 1, 40),
    Ratio("json", "bentoml", 64, 20),
    Ratio("json", "litserve", 64, 15),
    Ratio("json", "mlserver", 64, 10),
    Ratio("json", "kserve", 64, 8),
    Ratio("json", "fastapi", 64, 4),
    Ratio("json", "fastapi", 1, 1),
    Ratio("json", "triton", 1, 1),
    Ratio("json", "triton", 16, 1),
    Ratio("json", "triton", 64, 1),
    Ratio("json", "mosec", 1, 1),
    Ratio("json", "mosec", 64, 1),
    Ratio("json", "mosec", 16, 0.9),
    Ratio("json", "mosec", 16, 1, stretch=True),
    Ratio("json", "uvicorn", 1, 0.8),
    Ratio("json", "uvicorn", 16, 0.8),
    Ratio("json", "uvicorn", 64, 0.8),
    Ratio("json", "uvicorn", 64, 1, stretch=True),
    Ratio("binary64", "triton", 1, 1),
    Ratio("binary64", "triton", 16, 1),
)


def plural(clients: int) -> str:
    """`1 client`, `64 clients`."""
    return f"{clients} client{'s' * (clients > 1)}"


def judge(results: Results) -> list[Line]:
    """Every goal, in the order they are stated."""
    return [*(_ratio(goal, results) for goal in RATIOS), *_saturated(results), *_idle(results)]


def _ratio(goal: Ratio, results: Results) -> Line:
    peers = [item.name for item in CONTESTANTS.values() if goal.peer in (item.name, item.family)]
    rates = [results.rate(goal.workload, name, goal.clients) for name in peers]
    best = max((rate.median for rate in rates if rate is not None), default=None)
    ours = results.rate(goal.workload, OURS, goal.clients)
    title = f"{goal.workload}, {plural(goal.clients)}: against {goal.peer}"
    wanted = f"{goal.least:g}x"
    # A family is compared as a whole: a setting that was not measured may have been its best.
    if ours is None or best is None or None in rates:
        return Line(title, wanted, "not measured", None, goal.stretch)
    ratio = ours.median / best
    return Line(title, wanted, f"{ratio:.2f}x", ratio >= goal.least, goal.stretch)


def _saturated(results: Results) -> Iterator[Line]:
    threads = results.slipway_threads
    for model, workloads in SATURATED.items():
        title = f"{model}, saturated: of ONNX Runtime's own rows/s ({threads} threads)"
        served = [item for item in results.figures if item.contestant == OURS and item.workload in workloads]
        rows = [
            rate.median * item.rows
            for item in served
            if (rate := results.rate(item.workload, OURS, item.clients)) is not None
        ]
        own = results.own_rows(model, threads)
        if not rows or own is None:
            yield Line(title, f"{OWN_SHARE:.0%}", "not measured", None)
            continue
        share = max(rows) / own
        yield Line(title, f"{OWN_SHARE:.0%}", f"{share:.1%}", share >= OWN_SHARE)


def _idle(results: Results) -> Iterator[Line]:
    memory = middle(item.memory.pss for item in results.idle)
    cpu = middle(item.cpu_percent for item in results.idle)
    for title, found, least, unit in (
        ("idle gateway replica: memory", memory, IDLE_MEGABYTES, "MB"),
        ("idle gateway replica: CPU", cpu, IDLE_PERCENT, "%"),
    ):
        if found is None:
            yield Line(title, f"under {least:g} {unit}", "not measured", None)
        else:
            yield Line(title, f"under {least:g} {unit}", f"{found.median:.1f} {unit}", found.median < least)
