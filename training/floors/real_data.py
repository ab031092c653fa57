"""The folder of real data sets, and whether a metric reaches its floor."""

from __future__ import annotations

import os
from pathlib import Path

from serving.kernel.storage.version_manifest import Metric
from training.errors import DataError

__all__ = ["data_folder", "reaches", "verdict"]


def data_folder() -> Path:
    """The folder that `SLIPWAY_DATA` names. Raises `DataError` where there is none."""
    named = os.environ.get("SLIPWAY_DATA", "")
    folder = Path(named)
    if not named or not folder.is_dir():
        raise DataError("SLIPWAY_DATA is not set to a folder of real data sets")
    return folder.resolve()


def reaches(metric: Metric, floor: float) -> bool:
    """Whether the metric is at least as good as the floor."""
    return metric.value >= floor if metric.better == "higher" else metric.value <= floor


def verdict(reached: bool) -> str:
    """The verdict as tables show it."""
    return "reached" if reached else "MISSED"
