"""Each real price file through the whole pipeline, beside persistence and the floors of plain XGBoost."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

from control.commands.common import METRIC_COLUMNS, metric_row
from control.console import note, print_table
from serving.kernel.storage.version_manifest import Metric
from training.errors import GateRefused
from training.recipe import RecipeOptions
from training.registry.mlflow_registry import Registry
from training.run import TrainRequest, train

FLOORS = {
    # commodity: horizon: (MAE, R2), plain XGBoost on log(price / last price), busy markets
    "onion": {1: (234, 0.866), 7: (450, 0.658)},
    "tomato": {1: (155, 0.875), 7: (310, 0.626)},
}


def main() -> None:
    """Train on each file and print its table."""
    folder = os.environ.get("SLIPWAY_DATA", "")
    files = sorted(Path(folder, "price").glob("*_KARNATAKA.csv")) if folder else []
    if not files:
        note("training: SLIPWAY_DATA is not set to a folder with price/*_KARNATAKA.csv")
    for path in files:
        _train(path, path.name.split("_")[0].lower())


def _train(path: Path, commodity: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        request = TrainRequest(
            app="price",
            paths=(path,),
            options=RecipeOptions(select={"commodity": commodity}),
            repository=Path(folder) / "repository",
            home=Path(folder),
        )
        started = time.monotonic()
        try:
            result = train(request, Registry(f"sqlite:///{folder}/mlflow.db"))
        except GateRefused as refusal:
            note(f"{commodity}: refused: {refusal}")
            return
        note(f"{commodity}: {time.monotonic() - started:.0f} s in all")
        _show(commodity, result.metrics)


def _show(commodity: str, metrics: tuple[Metric, ...]) -> None:
    print_table(METRIC_COLUMNS, map(metric_row, metrics), commodity)
    for horizon, (mae, r2) in FLOORS[commodity].items():
        note(f"floor at horizon {horizon}: MAE {mae}, R2 {r2}")
