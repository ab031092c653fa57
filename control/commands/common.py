"""What several commands need."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from control.settings import StackSettings
from control.stack.state import read_state
from serving.manifest import Metric

if TYPE_CHECKING:
    from training.registry import Registry

__all__ = ["METRIC_COLUMNS", "metric_row", "running_registry"]

METRIC_COLUMNS = ("metric", "slice", "value", "naive baseline", "gain, 95 % interval", "rows")


def running_registry(settings: StackSettings) -> Registry | None:
    """The registry of `MLFLOW_TRACKING_URI`, else of the running stack; None when there is neither."""
    from training.errors import RegistryError
    from training.registry import Registry

    given = os.environ.get("MLFLOW_TRACKING_URI", "")
    state = read_state(settings.home)
    uri = given or (state.mlflow_uri if state is not None else "")
    if not uri:
        return None
    registry = Registry(uri)
    try:
        registry.ping()
    except RegistryError:
        if given:
            raise
        return None
    return registry


def metric_row(metric: Metric) -> tuple[str, ...]:
    """Cells of a metric under `METRIC_COLUMNS`."""
    return (
        f"{metric.name} [{metric.unit}]" if metric.unit else metric.name,
        metric.slice,
        f"{metric.value:.4g}",
        "" if metric.baseline is None else f"{metric.baseline:.4g}",
        "" if metric.gain_low is None else f"{metric.gain_low:.3g} to {metric.gain_high:.3g}",
        str(metric.rows or ""),
    )
