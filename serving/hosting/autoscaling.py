"""The number of gateway replicas to run.

Ray Serve copies this module into its controller, so it imports nothing of ours. The bounds and the delays are
Ray's own: see `values.Replicas`.
"""

from __future__ import annotations

from collections.abc import Mapping
from statistics import fmean
from typing import Any

__all__ = ["IN_FLIGHT", "QUEUE_SECONDS", "LoadPolicy", "wanted"]

IN_FLIGHT = "in_flight"
QUEUE_SECONDS = "queue_seconds"
GROWTH = 2.0
"""The most by which a queue multiplies the replicas: it shows that there are too few, but not by how many."""


class LoadPolicy:
    """A Ray Serve autoscaling policy that reads what replicas report with `record_autoscaling_stats`."""

    def __init__(self, target_queue_seconds: float) -> None:
        self._target_queue = target_queue_seconds

    def __call__(self, context: Any) -> tuple[float, dict[str, Any]]:
        """The number of replicas, which Ray then bounds; the policy keeps no state."""
        reported: Mapping[str, Mapping[Any, float]] = context.aggregated_metrics or {}
        number = wanted(
            list(reported.get(IN_FLIGHT, {}).values()),
            list(reported.get(QUEUE_SECONDS, {}).values()),
            context.config.target_ongoing_requests,
            self._target_queue,
        )
        return number, {}


def wanted(in_flight: list[float], waits: list[float], target_in_flight: float, target_wait: float) -> float:
    """The replicas that are needed, given the requests in flight and the mean wait in seconds of each replica."""
    by_queue = len(waits) * min(fmean(waits) / target_wait, GROWTH) if waits else 0.0
    return max(sum(in_flight) / target_in_flight, by_queue)
