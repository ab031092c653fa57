"""Run the whole pipeline on each real price file, with persistence and plain XGBoost for comparison."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from apps.price.app import app
from apps.price.train.recipe import recipe
from serving.kernel.storage.version_manifest import Metric
from training.errors import GateRefused
from training.recipe import RecipeOptions
from training.registry.mlflow_registry import Registry
from training.run import TrainRequest, train

__all__ = ["FLOORS", "Result", "train_each"]

FLOORS = {
    # commodity: horizon: (MAE, R2), plain XGBoost on log(price / last price), busy markets
    "onion": {1: (234, 0.866), 7: (450, 0.658)},
    "tomato": {1: (155, 0.875), 7: (310, 0.626)},
}


@dataclass(frozen=True)
class Result:
    """One file: the metrics of its version, or the reason why the gate refused it."""

    commodity: str
    seconds: float
    metrics: tuple[Metric, ...] = ()
    refused: str = ""


def train_each(folder: Path) -> Iterator[Result]:
    """Train on every file `<COMMODITY>_KARNATAKA.csv` of a folder."""
    for path in sorted(folder.glob("*_KARNATAKA.csv")):
        yield _train(path, path.name.split("_")[0].lower())


def _train(path: Path, commodity: str) -> Result:
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        request = TrainRequest(
            app=app.name,
            paths=(path,),
            options=RecipeOptions(select={"commodity": commodity}),
            repository=Path(folder) / "repository",
            home=Path(folder),
        )
        try:
            result = train(request, Registry(f"sqlite:///{folder}/mlflow.db"), recipe=recipe)
        except GateRefused as refusal:
            return Result(commodity, time.monotonic() - started, refused=str(refusal))
    return Result(commodity, time.monotonic() - started, result.metrics)
