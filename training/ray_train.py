"""Ray Train as fits use it: without actors that a fit has no use for, and what its controller writes down.

The controller imports this module, so nothing here imports what fits.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ray.train
from ray.train.backend import BackendConfig
from ray.train.v2.api.data_parallel_trainer import DataParallelTrainer

__all__ = ["Board", "FitTrainer", "function_and_backend"]

SPARE = ("DatasetsCallback", "PlacementGroupCleanerCallback")
"""Ray's callbacks that a fit does without; each starts an actor, which imports for seconds.

Tables come from the object store, not as data sets of Ray Data. What the second would clean up when the controller
dies goes with the driver's job.
"""


class FitTrainer(DataParallelTrainer):  # type: ignore[misc]
    """Ray's trainer of any library, with the callbacks that a fit needs."""

    def _create_default_callbacks(self) -> list[Any]:
        made = super()._create_default_callbacks()
        return [callback for callback in made if type(callback).__name__ not in SPARE]


class Board(ray.train.UserCallback):  # type: ignore[misc]
    """Writes the latest report to a file; the controller runs on the driver's machine, where it is read."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def after_report(self, run_context: Any, metrics: list[dict[str, Any]], checkpoint: Any) -> None:
        """Replace the file with rank 0's metrics."""
        partial = self.path.with_suffix(".partial")
        partial.write_text(json.dumps(metrics[0]))
        partial.replace(self.path)


def function_and_backend(kind: str, workers: int) -> tuple[Callable[[dict[str, Any]], Any], BackendConfig]:
    """What the workers run, and how they talk to each other; a library is imported where it is used only.

    One worker has nobody to talk to, and spares the controller the import of the library.
    """
    if kind == "torch":
        from training.torch_fit import fit_module

        if workers == 1:
            return fit_module, BackendConfig()
        from ray.train.torch import TorchConfig

        return fit_module, TorchConfig()
    from training.boosting import fit_share

    if workers == 1:
        return fit_share, BackendConfig()
    from ray.train.xgboost import XGBoostConfig

    return fit_share, XGBoostConfig()
