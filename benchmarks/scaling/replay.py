"""How the chart's scaling behaves: traffic traces replayed against the very policies that it renders.

Four things are what runs on a cluster: the HPA object with its behavior, the `autoscaling_config` of
`serveConfigV2`, the project's own `LoadPolicy`, and Ray Serve's scaling factors and delays. Assumed are the
gateways: each answers up to `LANES` requests at once in `SECONDS` each, the others wait, and a pod takes
`START_SECONDS` until it is ready. What would wait longer than `DEADLINE_SECONDS` is refused.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import yaml

from benchmarks.scaling.hpa import Hpa, Load
from benchmarks.setup.place import BenchmarkError
from control.charts.render import ChartError, render
from control.console import print_table
from serving.hosting.autoscaling import wanted

__all__ = ["TRACES", "RayServe", "Run", "main", "policies", "replay"]

SECONDS = 0.05
LANES = 48
START_SECONDS = 30
DEADLINE_SECONDS = 5.0
SHOWN = ("most", "end", "changes", "reversals", "longest wait s", "over target %", "refused %")
Trace = Callable[[int], float]


def _step(second: int) -> float:
    return 3000.0 if 600 <= second < 1800 else 200.0


def _spike(second: int) -> float:
    return 2500.0 if second % 900 < 45 else 150.0


def _day(second: int) -> float:
    return 1500.0 - 1400.0 * math.cos(2 * math.pi * second / 3600)


def _noise(second: int) -> float:
    return 1600.0 * random.Random(second // 10).uniform(0.6, 1.4)  # noqa: S311 - a trace that can be repeated


def _stop(second: int) -> float:
    return 2000.0 if second < 900 else 0.0


TRACES: Mapping[str, Trace] = {"step": _step, "spike": _spike, "day": _day, "noise": _noise, "stop": _stop}
"""Requests a second, for every second; an hour each."""
LENGTH = 3600


class Policy(Protocol):
    """What decides, second by second."""

    least: int
    most: int

    def decide(self, second: int, load: Load) -> int:
        """The number of replicas that there shall be from now on."""


@dataclass
class RayServe:
    """Ray Serve's loop around `LoadPolicy`: every 0.1 s there, every second here; means over the look-back."""

    config: Mapping[str, Any]
    _state: dict[str, Any] = field(default_factory=dict)
    _seen: list[Load] = field(default_factory=list)

    def __post_init__(self) -> None:
        from ray.serve.config import AutoscalingConfig

        plain = {
            name: value for name, value in self.config.items() if name not in ("policy", "metrics_interval_s")
        }
        self._config = AutoscalingConfig(**plain)
        self._target_wait = float(self.config["policy"]["policy_kwargs"]["target_queue_seconds"])
        self.least, self.most = self._config.min_replicas, self._config.max_replicas

    def decide(self, second: int, load: Load) -> int:
        """Ray's own code applies factors and delays. A replica that starts has nothing to report."""
        from ray.serve import autoscaling_policy as ray

        self._seen = [*self._seen, load][-int(self._config.look_back_period_s) :]
        each = sum(seen.in_flight for seen in self._seen) / len(self._seen) / load.ready
        wait = sum(seen.wait for seen in self._seen) / len(self._seen)
        target = self._config.target_ongoing_requests
        number = wanted([each] * load.ready, [wait] * load.ready, target, self._target_wait)
        scaled = ray._apply_scaling_factors(number, load.desired, self._config)
        decided, self._state = ray._apply_delay_logic(
            max(0, scaled), load.desired, self._config, self._state, _now=float(second)
        )
        return int(min(self.most, max(self.least, decided)))


@dataclass
class Run:
    """What a replay showed, second by second."""

    replicas: list[int] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    over: int = 0
    """Seconds in which requests waited longer than the target."""
    asked: float = 0.0
    refused: float = 0.0

    @property
    def changes(self) -> int:
        """How often the number of replicas changed."""
        return sum(before != after for before, after in zip(self.replicas, self.replicas[1:], strict=False))

    def reversals(self, within: int = 300) -> int:
        """The number of oscillations: changes up and then down, or down and then up, `within` seconds."""
        moves = [
            (second, after > before)
            for second, (before, after) in enumerate(zip(self.replicas, self.replicas[1:], strict=False))
            if after != before
        ]
        return sum(
            one != other and later - earlier < within
            for (earlier, one), (later, other) in zip(moves, moves[1:], strict=False)
        )


def replay(policy: Policy, trace: Trace, length: int = LENGTH, target_wait: float = 0.02) -> Run:
    """Let the policy decide every second of a trace. What is not answered in a second waits."""
    run, backlog = Run(), 0.0
    desired, starting, ready = policy.least, list[int](), policy.least
    for second in range(length):
        ready += sum(when <= second for when in starting)
        starting = [when for when in starting if when > second]
        rate, capacity = trace(second), ready * LANES / SECONDS
        answered = min(backlog + rate, capacity)
        left = backlog + rate - answered
        backlog = min(left, capacity * DEADLINE_SECONDS)
        run.asked, run.refused = run.asked + rate, run.refused + left - backlog
        wait = backlog / capacity
        load = Load(desired, ready, answered * SECONDS + backlog, wait)
        decided = policy.decide(second, load)
        if decided > desired:
            starting += [second + START_SECONDS] * (decided - desired)
        for _ in range(desired - decided):
            # Those that start go first.
            if starting:
                starting.pop()
            else:
                ready -= 1
        desired = decided
        run.replicas.append(desired)
        run.waits.append(wait)
        run.over += wait > target_wait
    return run


def policies() -> dict[str, Callable[[], Policy]]:
    """What the chart renders for a group of either runtime, by name. Raises `BenchmarkError`."""
    bounds = {"min": 1, "max": 8}
    groups: dict[str, Any] = {name: {"runtime": name, "replicas": bounds} for name in ("ray", "process")}
    try:
        (service,) = _rendered({"all": groups["ray"]}, "RayService")
        (scaler,) = _rendered({"all": groups["process"]}, "HorizontalPodAutoscaler")
    except ChartError as cause:
        raise BenchmarkError(str(cause)) from cause
    application = yaml.safe_load(service["spec"]["serveConfigV2"])["applications"][0]
    config = application["deployments"][0]["autoscaling_config"]
    return {"ray": lambda: RayServe(config), "hpa": lambda: Hpa(scaler["spec"])}


def main() -> None:
    """Print a table: every policy on every trace."""
    rows = []
    for name, make in policies().items():
        for traffic, trace in TRACES.items():
            run = replay(make(), trace)
            shown = (max(run.replicas), run.replicas[-1], run.changes, run.reversals())
            late = f"{100 * run.over / len(run.replicas):.1f}"
            refused = f"{100 * run.refused / run.asked:.1f}"
            rows.append((name, traffic, *map(str, shown), f"{max(run.waits):.1f}", late, refused))
    print_table(
        ("policy", "traffic", *SHOWN), rows, f"an hour each; a replica does {LANES / SECONDS:.0f} requests/s"
    )


def _rendered(groups: Mapping[str, Any], kind: str) -> list[dict[str, Any]]:
    return [
        item
        for item in render({"groups": dict(groups), "scaling": {"metric": "requests"}})
        if item["kind"] == kind
    ]
