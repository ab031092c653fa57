"""Ray Train as fits use it: without the actors that a fit does not need, and with a file of the latest report.

Ray's controller imports this module, so it imports no library that fits.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ray.train
from ray.train.backend import BackendConfig
from ray.train.v2._internal.execution.scaling_policy import FixedScalingPolicy

from training.fit.ray_session import on_this_machine

__all__ = ["ReportFile", "trainer_and_function"]

SPARE = ("DatasetsCallback", "PlacementGroupCleanerCallback")
"""Callbacks of Ray that a fit does not need. Each starts an actor, whose imports take seconds.

The first serves data sets of Ray Data, but tables come from the object store. The second cleans up when the
controller dies, which Ray does anyway when the driver's job ends.
"""


class WithoutAutoscaler(FixedScalingPolicy):  # type: ignore[misc]
    """As many workers as asked for, without telling an autoscaler: a Ray on this machine has none.

    Ray's own policy starts an actor for that, whose imports take seconds.
    """

    def after_controller_start(self, train_run_context: Any) -> None:
        """Register nothing."""

    def _maybe_send_resource_request(self) -> None:
        """Request nothing."""


class _Slim:
    """A mixin for Ray's trainers that leaves out what a fit does not need."""

    scaling_config: ray.train.ScalingConfig

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        if self.scaling_config.num_workers == 1:
            # A single worker needs no communication, and so its controller need not import the library.
            self.backend_config = BackendConfig()

    def _initialize_and_run_controller(self, **given: Any) -> Any:
        if on_this_machine():
            given["scaling_policy"] = WithoutAutoscaler(self.scaling_config)
        return super()._initialize_and_run_controller(**given)  # type: ignore[misc]

    def _create_default_callbacks(self) -> list[Any]:
        made: list[Any] = super()._create_default_callbacks()  # type: ignore[misc]
        return [callback for callback in made if type(callback).__name__ not in SPARE]


class ReportFile(ray.train.UserCallback):  # type: ignore[misc]
    """Writes the latest report to a file. Ray's controller runs on the driver's machine, which reads the file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def after_report(self, run_context: Any, metrics: list[dict[str, Any]], checkpoint: Any) -> None:
        """Write the metrics of rank 0 to the file."""
        partial = self.path.with_suffix(".partial")
        partial.write_text(json.dumps(metrics[0]))
        partial.replace(self.path)


def trainer_and_function(kind: str) -> tuple[type[Any], Callable[[dict[str, Any]], Any]]:
    """Ray's trainer for a library, `torch` or `xgboost`, and the function that its workers run.

    Only the library that is used is imported.
    """
    from training.fit.ray_shares import fit_module, fit_share

    if kind == "torch":
        from ray.train.torch import TorchTrainer

        class SlimTorchTrainer(_Slim, TorchTrainer):  # type: ignore[misc]
            """See `_Slim`."""

        return SlimTorchTrainer, fit_module
    from ray.train.xgboost import XGBoostTrainer

    class SlimXGBoostTrainer(_Slim, XGBoostTrainer):  # type: ignore[misc]
        """See `_Slim`."""

    return SlimXGBoostTrainer, fit_share
