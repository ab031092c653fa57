"""The life of one model, from data to a published version. `train` is the whole story."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from serving.kernel.app_values import load_values
from serving.kernel.storage.version_manifest import ENCODER_NAME, MODEL_NAME, Aliases, Check, Metric, Parity
from training import find_recipe
from training.fit.trainer import Trainer
from training.measures import gate
from training.measures.carried import check_carried
from training.onnx import export, parity, triton
from training.prepare import Prepared, prepare
from training.progress import Progress, Silent
from training.publish import promotion, repository
from training.publish.assemble import assemble
from training.publish.signer import keep_signature
from training.recipe import EncoderExport, Fitted, Recipe, RecipeOptions, Split
from training.registry.mlflow_registry import Registry
from training.registry.tuning_results import Tuned
from training.training_run import TrainingRun, open_run
from training.tune.search import Search, check_space, search

__all__ = ["TrainRequest", "TrainResult", "begin", "train"]


@dataclass(frozen=True, kw_only=True)
class TrainRequest:
    """What to train, on which data, and where the version goes.

    Without `paths` and `query`, the recipe generates the data.
    """

    app: str
    """The app's name."""
    package: str = ""
    """The app as `SLIPWAY_APPS` lists it, such as `acme.rainfall`; empty: by its name."""
    paths: tuple[Path | str, ...] = ()
    """Files, or s3:// URLs of files."""
    query: str = ""
    dsn: str = field(default="", repr=False)
    options: RecipeOptions = field(default_factory=RecipeOptions)
    workers: int = 1
    repository: Path = Path("model-repository")
    home: Path = Path(".slipway")
    """The folder for checkpoints of the running fit."""
    triton: bool = True
    """Whether parity includes Triton."""
    promote: bool = False
    """Whether the new version becomes champion at once when it passes its gate."""
    tune: int = 0
    """The number of trials of a search for better parameters before the fit; 0 skips the search."""
    tune_minutes: float | None = None
    """The time limit of the search."""


@dataclass(frozen=True, kw_only=True)
class TrainResult:
    """A registered and published version."""

    app: str
    version: int
    run_id: str
    synthetic: bool
    metrics: tuple[Metric, ...]
    checks: tuple[Check, ...]
    parity: tuple[Parity, ...]
    aliases: Aliases
    seconds: dict[str, float]
    tuned: Tuned | None = None
    notes: tuple[str, ...] = ()
    """Sentences on the data."""


def train(
    request: TrainRequest,
    registry: Registry,
    progress: Progress | None = None,
    recipe: Recipe[Any] | None = None,
    prepared: Prepared | None = None,
) -> TrainResult:
    """Load, validate, split, fit, evaluate, gate, export, parity, register, publish.

    With `request.tune`, a search for the fit's parameters follows the split. It never sees the test part.
    `recipe` defaults to the recipe of the requested app.
    Raises `DataError`, `GateRefused` (the run is closed with the reason and nothing is registered),
    `RegistryError`, or another `TrainingError`.
    """
    progress = progress or Silent()
    recipe = recipe or find_recipe.find(request.package or request.app)
    registry.ping()
    prepared = prepared or begin(request, recipe, progress)
    dataset, tidy, parts = prepared.dataset, prepared.tidy, prepared.parts
    with open_run(registry, recipe, dataset, request.options, request.workers) as run:
        run.notes = prepared.notes
        registry.log_dataset(run.id, dataset, parts)
        if prepared.notes:
            registry.log(run.id, tags={"slipway.notes": "\n".join(prepared.notes)})
        tuned = tune(run, request, tidy, parts, progress) if request.tune else None
        with progress.step("fit"), open_trainer(request, progress, tuned) as trainer:
            trainer.watch(recipe.app.feature_names, request.options.allowed, list(map(str, tidy.columns)))
            fitted = recipe.fit(parts, trainer)
        with progress.step("evaluate"):
            evaluation = recipe.evaluate(fitted, parts)
            run.log_evaluation(fitted, evaluation)
        with progress.step("gate"):
            allowed = request.options.allowed
            carried = check_carried(recipe, fitted, parts, allowed)
            run.require([*gate.judge(recipe, tidy, evaluation, allowed), carried])
        with progress.step("export"):
            encoder = export.save_graphs(recipe, fitted, parts, run.servable)
        with progress.step("parity"):
            lines = check_parity(run, request, fitted, parts, encoder)
        with progress.step("register"):
            assemble(run, fitted, evaluation, parts, lines)
            version = run.register(evaluation.metrics)
        with progress.step("publish"):
            repository.write_config(request.repository, recipe.app)
            repository.publish(run.servable, request.repository, recipe.app.name, version)
            keep_signature(registry, request.repository, recipe.app.name, version)
            aliases = promotion.assign_alias(
                registry, request.repository, recipe.app.name, version, dataset.synthetic, request.promote
            )
        registry.finish(run.id, "registered")
        if tuned:
            shutil.rmtree(tuned.folder, ignore_errors=True)
    return TrainResult(
        app=recipe.app.name,
        version=version,
        run_id=run.id,
        synthetic=dataset.synthetic,
        metrics=evaluation.metrics,
        checks=tuple(run.checks),
        parity=lines,
        aliases=aliases,
        seconds=dict(progress.times),
        tuned=tuned,
        notes=prepared.notes,
    )


def begin(request: TrainRequest, recipe: Recipe[Any], progress: Progress) -> Prepared:
    """The steps that need no registry: load, validate, split.

    Raises `DataError`, and `TuneError` when a search is asked for and the recipe has nothing to tune.
    """
    if request.tune:
        check_space(recipe)
    return prepare(recipe, request.paths, request.query, request.dsn, request.options, progress)


def tune(run: TrainingRun, request: TrainRequest, tidy: pd.DataFrame, parts: Split, progress: Progress) -> Tuned:
    """Search for the fit's parameters on the rows before the test part, and log the best trial with the run."""
    wanted = Search(
        recipe=run.recipe,
        tidy=tidy,
        parts=parts,
        dataset_sha256=run.dataset.sha256,
        options=request.options,
        trials=request.tune,
        minutes=request.tune_minutes,
        workers=request.workers,
        home=request.home,
        run_id=run.id,
    )
    with progress.step("tune"):
        tuned = search(wanted, run.registry, progress)
    best = tuned.ranking()[0]
    run.registry.log(
        run.id,
        params={f"tuned.{name}": value for name, value in tuned.params.items()},
        tags={"slipway.tuned": f"trial {best.number} of {len(tuned.trials)}: {tuned.metric} {best.value:.6g}"},
    )
    return tuned


def open_trainer(request: TrainRequest, progress: Progress, tuned: Tuned | None = None) -> Trainer:
    """A trainer with the request's workers and seed, and the best parameters of a search."""
    params = tuned.params if tuned else None
    return Trainer(request.workers, request.options.seed, request.home / "fits", progress, params=params)


def check_parity(
    run: TrainingRun, request: TrainRequest, fitted: Fitted, parts: Split, encoder: EncoderExport | None
) -> tuple[Parity, ...]:
    """Run the parity rows through every runtime. Raises `GateRefused` when two runtimes differ."""
    app = run.recipe.app
    inputs = parity.filled(run.recipe.parity_inputs(fitted, parts), len(parts.test))
    values = load_values(app.folder) if request.triton and triton.available() else None
    lines = parity.report(run.recipe, fitted.predict, run.servable / MODEL_NAME, inputs, values)
    if encoder is not None:
        lines += parity.encoder_report(app, encoder, run.servable / ENCODER_NAME, len(parts.test))
    run.require([gate.check_finite(fitted.predict(inputs), parity.ROWS), *gate.check_parity(lines)])
    return lines
