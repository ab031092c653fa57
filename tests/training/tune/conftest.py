"""Searches on the toy's data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from training.progress import Silent
from training.recipe import Recipe, RecipeOptions
from training.registry.mlflow_registry import Registry
from training.tune.search import Search


class Heard(Silent):
    """Remembers what was said."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def log(self, text: str) -> None:
        self.lines.append(text)


def search_of(recipe: Recipe[Any], home: Path, registry: Registry, **more: Any) -> Search:
    """A search on the generated data, below a run of its own."""
    tidy = recipe.tidy(recipe.generate(7), RecipeOptions())
    given = {"recipe": recipe, "tidy": tidy, "parts": recipe.split(tidy), "dataset_sha256": "d", "home": home}
    return Search(**{**given, "run_id": registry.start("toy", "toy", {}), **more})


def runs_below(registry: Registry, parent: str) -> list[Any]:
    """MLflow's runs below another, by trial."""
    from mlflow import MlflowClient

    client = MlflowClient(registry.tracking_uri)
    experiment = client.get_experiment_by_name("toy")
    assert experiment is not None
    found = client.search_runs([experiment.experiment_id], f"tags.`mlflow.parentRunId` = '{parent}'")
    return sorted(found, key=lambda run: int(run.data.tags["slipway.trial"]))
