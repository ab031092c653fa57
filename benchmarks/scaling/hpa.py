"""What the controller of a HorizontalPodAutoscaler (autoscaling/v2) does with one Pods metric.

Every 15 s: the ratio of the mean to the target, left alone within a tolerance of 10 %; pods that are not ready
count with 0 on the way up and with the target on the way down; then the stabilization windows and the policies of
`behavior`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Hpa", "Load"]

PERIOD = 15
TOLERANCE = 0.1


@dataclass(frozen=True, slots=True)
class Load:
    """What is seen at one second. `desired` counts replicas that start; `ready` those that answer."""

    desired: int
    ready: int
    in_flight: float
    """Requests in all gateways together."""
    wait: float
    """Seconds that the last to come will wait."""


class Hpa:
    """The controller, for the spec of one object."""

    def __init__(self, spec: Mapping[str, Any]) -> None:
        (metric,) = (one for one in spec["metrics"] if one["type"] == "Pods")
        self.least, self.most = int(spec["minReplicas"]), int(spec["maxReplicas"])
        self._target = float(metric["pods"]["target"]["averageValue"])
        self._up, self._down = spec["behavior"]["scaleUp"], spec["behavior"]["scaleDown"]
        self._recommended: list[tuple[int, int]] = []
        self._events: list[tuple[int, int]] = []

    def decide(self, second: int, load: Load) -> int:
        """The number of replicas from now on."""
        if second % PERIOD:
            return load.desired
        stable = self._stabilized(second, load.desired, self._recommendation(load))
        decided = min(self.most, max(self.least, self._limited(second, load.desired, stable)))
        if decided != load.desired:
            self._events.append((second, decided - load.desired))
        return decided

    def _recommendation(self, load: Load) -> int:
        ratio = load.in_flight / load.ready / self._target
        if abs(ratio - 1) <= TOLERANCE:
            return load.desired
        if ratio > 1:
            ratio = load.in_flight / load.desired / self._target
            return load.desired if ratio <= 1 + TOLERANCE else math.ceil(ratio * load.desired)
        # What starts is taken to have just the target.
        waiting = load.desired - load.ready
        ratio = (load.in_flight / self._target + waiting) / load.desired
        return load.desired if ratio >= 1 - TOLERANCE else math.ceil(ratio * load.desired)

    def _stabilized(self, second: int, now: int, recommended: int) -> int:
        self._recommended.append((second, recommended))
        up = [n for when, n in self._recommended if when > second - self._up["stabilizationWindowSeconds"]]
        down = [n for when, n in self._recommended if when > second - self._down["stabilizationWindowSeconds"]]
        low, high = min([*up, recommended]), max([*down, recommended])
        return max(now, low) if now < low else min(now, high)

    def _limited(self, second: int, now: int, wanted: int) -> int:
        if wanted > now:
            return min(wanted, max(self._highest(second, now, policy) for policy in self._up["policies"]))
        if wanted < now:
            return max(wanted, min(self._lowest(second, now, policy) for policy in self._down["policies"]))
        return now

    def _highest(self, second: int, now: int, policy: Mapping[str, Any]) -> int:
        start = now - self._changed(second, policy["periodSeconds"])
        if policy["type"] == "Pods":
            return start + int(policy["value"])
        return math.ceil(start * (1 + int(policy["value"]) / 100))

    def _lowest(self, second: int, now: int, policy: Mapping[str, Any]) -> int:
        start = now - self._changed(second, policy["periodSeconds"])
        if policy["type"] == "Pods":
            return start - int(policy["value"])
        return math.floor(start * (1 - int(policy["value"]) / 100))

    def _changed(self, second: int, period: int) -> int:
        return sum(change for when, change in self._events if when > second - period)
