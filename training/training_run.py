"""One run of the registry around the steps of a training: what they log with it, and how it is closed."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from serving.kernel.storage.version_manifest import Check, Metric
from training.errors import GateRefused, RegistryError
from training.measures import evaluation_rows, gate
from training.recipe import Dataset, Evaluation, Fitted, Recipe, RecipeOptions
from training.registry.mlflow_registry import SERVABLE, Registry
from training.registry.provenance import git_commit, libraries

__all__ = ["TrainingRun", "open_run"]


@dataclass(kw_only=True)
class TrainingRun:
    """An open run of the registry, a folder for its files, and the checks so far."""

    registry: Registry
    recipe: Recipe[Any]
    dataset: Dataset
    id: str
    folder: Path
    checks: list[Check] = field(default_factory=list)
    metrics: tuple[Metric, ...] = ()
    notes: tuple[str, ...] = ()
    """Sentences on the data, for the manifest."""
    allowed: tuple[str, ...] = ()
    """Columns that look like leaks and are kept on request."""

    @property
    def servable(self) -> Path:
        """The folder that becomes the version."""
        return self.folder / SERVABLE

    def log_evaluation(self, fitted: Fitted, evaluation: Evaluation) -> None:
        """Log parameters, metrics, plots and rows. This comes before the gate, so refused runs have them too."""
        self.metrics = evaluation.metrics
        self.registry.log(self.id, params=fitted.params, metrics=evaluation.metrics)
        unit = next((metric.unit for metric in evaluation.metrics if metric.name == "mae"), "")
        # It takes seconds to import, which not all commands that can train need.
        from training.plots import draw

        draw.draw(self.folder / "plots", evaluation, fitted.importance, unit)
        self.registry.log_folder(self.id, self.folder / "plots", "plots")
        evaluation_rows.save(self.folder / evaluation_rows.FOLDER, evaluation)
        self.registry.log_folder(self.id, self.folder / evaluation_rows.FOLDER, evaluation_rows.FOLDER)

    def require(self, checks: Iterable[Check]) -> None:
        """Add checks to the gate report. Raises `GateRefused` when one of them did not pass."""
        self.checks += checks
        gate.refuse(self.checks)

    def register(self, metrics: Sequence[Metric] = ()) -> int:
        """Store the servable folder with the run and make it the app's next version; returns its number.

        The description of the version says what it was trained on, and gives the first of the `metrics`.
        """
        self.registry.log_folder(self.id, self.servable, SERVABLE)
        return self.registry.register(
            self.recipe.app.name,
            self.id,
            {
                "slipway.synthetic": str(self.dataset.synthetic).lower(),
                "slipway.dataset": self.dataset.source,
                "slipway.dataset_sha256": self.dataset.sha256,
                "slipway.gate": f"passed {len(self.checks)} checks",
            },
            description=self._description(metrics),
            summary=self.recipe.app.summary,
        )

    def _description(self, metrics: Sequence[Metric]) -> str:
        rows = f"{self.dataset.source}, {len(self.dataset.frame)} rows"
        text = f"Trained on {rows}; passed {len(self.checks)} checks of the gate."
        for metric in metrics[:1]:
            unit = f" {metric.unit}" if metric.unit else ""
            beside = "" if metric.baseline is None else f", baseline {metric.baseline:.4g}{unit}"
            text += f" {metric.name} ({metric.slice}): {metric.value:.4g}{unit}{beside}."
        return text


@contextmanager
def open_run(
    registry: Registry, recipe: Recipe[Any], dataset: Dataset, options: RecipeOptions, workers: int
) -> Iterator[TrainingRun]:
    """Open a run for the block. When the block fails, the run is closed with the reason."""
    app = recipe.app.name
    tags = {
        "slipway.app": app,
        "slipway.dataset": dataset.source,
        "slipway.dataset_sha256": dataset.sha256,
        "slipway.synthetic": str(dataset.synthetic).lower(),
        "slipway.git_commit": git_commit(),
        **{f"slipway.library.{name}": version for name, version in libraries().items()},
    }
    run_id = registry.start(app, f"{app} {dataset.source}"[:200], tags)
    with tempfile.TemporaryDirectory(prefix="slipway-train-") as folder:
        run = TrainingRun(
            registry=registry,
            recipe=recipe,
            dataset=dataset,
            id=run_id,
            folder=Path(folder),
            allowed=options.allowed,
        )
        run.servable.mkdir()
        try:
            selected = {f"select.{key}": value for key, value in options.select.items()}
            if options.allowed:
                selected["allowed_columns"] = ", ".join(options.allowed)
            registry.log(run_id, params={"seed": options.seed, "workers": workers, **selected})
            yield run
        except GateRefused as refusal:
            gate.write_report(run.folder, "gate", refusal.checks)
            registry.log_folder(run_id, run.folder / "report", "report")
            registry.finish(run_id, "refused", str(refusal))
            refusal.run_id = run_id
            refusal.metrics = run.metrics
            raise
        except BaseException as cause:  # whatever ends a training closes its run
            with suppress(RegistryError):
                registry.finish(run_id, "failed", f"{type(cause).__name__}: {cause}")
            raise
