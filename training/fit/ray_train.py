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

__all__ = ["Board", "trainer_and_function"]

SPARE = ("DatasetsCallback", "PlacementGroupCleanerCallback")
"""Ray's callbacks that a fit does without; each starts an actor, which imports for seconds.

Tables come from the object store, not as data sets of Ray Data. What the second would clean up when the controller
dies goes with the driver's job.
"""


class _Lean:
    """Before one of Ray's trainers among the bases of a class: what a fit has no use for is left out."""

    scaling_config: ray.train.ScalingConfig

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        if self.scaling_config.num_workers == 1:
            # One worker has nobody to talk to, and its controller no need to import the library.
            self.backend_config = BackendConfig()

    def _create_default_callbacks(self) -> list[Any]:
        made: list[Any] = super()._create_default_callbacks()  # type: ignore[misc]
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


def trainer_and_function(kind: str) -> tuple[type[Any], Callable[[dict[str, Any]], Any]]:
    """Ray's trainer of a library, `torch` or `xgboost`, and what its workers run.

    A library is imported where it is used only.
    """
    from training.fit.ray_shares import fit_module, fit_share

    if kind == "torch":
        from ray.train.torch import TorchTrainer

        class LeanTorchTrainer(_Lean, TorchTrainer):  # type: ignore[misc]
            """See `_Lean`."""

        return LeanTorchTrainer, fit_module
    from ray.train.xgboost import XGBoostTrainer

    class LeanXGBoostTrainer(_Lean, XGBoostTrainer):  # type: ignore[misc]
        """See `_Lean`."""

    return LeanXGBoostTrainer, fit_share
