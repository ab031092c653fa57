"""The life of one model, from data to a published version. `train` is the whole story."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pandas as pd

from serving.kernel.app_values import load_values
from serving.kernel.storage.version_manifest import (
    ENCODER_NAME,
    MODEL_NAME,
    Aliases,
    Check,
    Manifest,
    Metric,
    Parity,
)
from training import find_recipe
from training.data import read, split
from training.data.storage import at_hand
from training.data.validate import tidied, validate
from training.errors import DataError, GateRefused, RegistryError
from training.fit.trainer import Trainer
from training.measures import evaluation_rows, gate
from training.onnx import export, parity, triton
from training.plots import draw
from training.progress import Progress, Silent
from training.publish import promotion, repository, servable
from training.recipe import Dataset, EncoderExport, Evaluation, Fitted, Options, Recipe, Split
from training.registry.mlflow_model import write_mlflow_model
from training.registry.mlflow_registry import SERVABLE, Registry
from training.registry.provenance import git_commit, libraries
from training.registry.tuning_results import Tuned
from training.tune.search import Search, check_space, search

__all__ = ["TrainRequest", "TrainResult", "train"]


@dataclass(frozen=True, kw_only=True)
class TrainRequest:
    """What to train, on what, and where to. Without `paths` and `query` the recipe generates the data."""

    app: str
    paths: tuple[Path | str, ...] = ()
    """Files, or s3:// URLs of files."""
    query: str = ""
    dsn: str = field(default="", repr=False)
    options: Options = field(default_factory=Options)
    workers: int = 1
    repository: Path = Path("model-repository")
    home: Path = Path(".slipway")
    """Checkpoints of the running fit go below it."""
    triton: bool = True
    """Whether parity includes Triton."""
    promote: bool = False
    """Make the new version champion at once, when it passes its gate."""
    tune: int = 0
    """Trials of a search for better parameters before the fit."""
    tune_minutes: float | None = None
    """Ends the search."""


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


@dataclass(kw_only=True)
class Story:
    """What the steps have made so far."""

    recipe: Recipe[Any]
    dataset: Dataset
    run_id: str
    folder: Path
    checks: list[Check] = field(default_factory=list)

    @property
    def servable(self) -> Path:
        """The folder that becomes the version."""
        return self.folder / SERVABLE


def train(
    request: TrainRequest,
    registry: Registry,
    progress: Progress | None = None,
    recipe: Recipe[Any] | None = None,
) -> TrainResult:
    """Load, validate, split, fit, evaluate, gate, export, parity, register, publish.

    With `request.tune`, a search for the fit's parameters comes after the split, and never sees the test part.
    The recipe is that of the app named in the request, unless one is given.
    Raises `DataError`, `GateRefused` (the run is closed with the reason and nothing is registered),
    `RegistryError`, or another `TrainingError`.
    """
    progress = progress or Silent()
    recipe = recipe or find_recipe.find(request.app)
    if request.tune:
        check_space(recipe)
    registry.ping()
    with progress.step("load"):
        dataset = load(request, recipe)
    with told(registry, request, recipe, dataset) as story:
        with progress.step("validate"):
            tidy = validate(recipe, tidied(recipe, dataset, request.options), dataset)
        with progress.step("split"):
            parts = split.check(recipe.split(tidy), recipe.time_column)
            registry.log_dataset(story.run_id, dataset, parts)
        tuned = tune(story, request, tidy, parts, registry, progress) if request.tune else None
        with progress.step("fit"), open_trainer(request, progress, tuned) as trainer:
            fitted = recipe.fit(parts, trainer)
        with progress.step("evaluate"):
            evaluation = recipe.evaluate(fitted, parts)
            log_evaluation(story, registry, fitted, evaluation)
        with progress.step("gate"):
            story.checks += gate.judge(recipe, tidy, evaluation)
            gate.refuse(story.checks)
        with progress.step("export"):
            encoder = export_graphs(story, fitted, parts)
        with progress.step("parity"):
            lines = check_parity(story, request, fitted, parts, encoder)
            gate.refuse(story.checks)
        with progress.step("register"):
            seal(story, fitted, evaluation, parts, lines)
            version = register(story, registry)
        with progress.step("publish"):
            repository.write_config(request.repository, recipe.app)
            repository.publish(story.servable, request.repository, recipe.app.name, version)
            aliases = promotion.settle(
                registry, request.repository, recipe.app.name, version, dataset.synthetic, request.promote
            )
        registry.finish(story.run_id, "registered")
        if tuned:
            shutil.rmtree(tuned.folder, ignore_errors=True)
    return TrainResult(
        app=recipe.app.name,
        version=version,
        run_id=story.run_id,
        synthetic=dataset.synthetic,
        metrics=evaluation.metrics,
        checks=tuple(story.checks),
        parity=lines,
        aliases=aliases,
        seconds=dict(progress.times),
        tuned=tuned,
    )


def tune(
    story: Story,
    request: TrainRequest,
    tidy: pd.DataFrame,
    parts: Split,
    registry: Registry,
    progress: Progress,
) -> Tuned:
    """Search for the fit's parameters on the rows before the test part; logs what was found with the run."""
    wanted = Search(
        recipe=story.recipe,
        tidy=tidy,
        parts=parts,
        dataset_sha256=story.dataset.sha256,
        options=request.options,
        trials=request.tune,
        minutes=request.tune_minutes,
        workers=request.workers,
        home=request.home,
        run_id=story.run_id,
    )
    with progress.step("tune"):
        tuned = search(wanted, registry, progress)
    best = tuned.ranking()[0]
    registry.log(
        story.run_id,
        params={f"tuned.{name}": value for name, value in tuned.params.items()},
        tags={"slipway.tuned": f"trial {best.number} of {len(tuned.trials)}: {tuned.metric} {best.value:.6g}"},
    )
    return tuned


def open_trainer(request: TrainRequest, progress: Progress, tuned: Tuned | None = None) -> Trainer:
    """A trainer with the request's workers and seed, and the parameters that a search found."""
    params = tuned.params if tuned else None
    return Trainer(request.workers, request.options.seed, request.home / "fits", progress, params=params)


def load(request: TrainRequest, recipe: Recipe[Any]) -> Dataset:
    """Files, else the query, else the generator. Raises `DataError`."""
    if request.paths and request.query:
        raise DataError("both files and a query were given; give one of them")
    if request.paths:
        with at_hand(request.paths) as paths:
            if recipe.tables:
                return read.from_tables(paths, recipe.tables, recipe.join)
            return read.from_files(paths, recipe.columns, recipe.file_column)
    if request.query:
        return read.from_query(request.dsn, request.query)
    return read.from_generator(recipe.generate(request.options.seed), request.app)


@contextmanager
def told(registry: Registry, request: TrainRequest, recipe: Recipe[Any], dataset: Dataset) -> Iterator[Story]:
    """One run of the registry around the block; it is closed with the reason when the block fails."""
    tags = {
        "slipway.app": request.app,
        "slipway.dataset": dataset.source,
        "slipway.dataset_sha256": dataset.sha256,
        "slipway.synthetic": str(dataset.synthetic).lower(),
        "slipway.git_commit": git_commit(),
        **{f"slipway.library.{name}": version for name, version in libraries().items()},
    }
    run_id = registry.start(request.app, f"{request.app} {dataset.source}"[:200], tags)
    with tempfile.TemporaryDirectory(prefix="slipway-train-") as folder:
        story = Story(recipe=recipe, dataset=dataset, run_id=run_id, folder=Path(folder))
        story.servable.mkdir()
        try:
            selected = {f"select.{key}": value for key, value in request.options.select.items()}
            registry.log(run_id, params={"seed": request.options.seed, "workers": request.workers, **selected})
            yield story
        except GateRefused as refusal:
            servable.write_report(story.folder, "gate", refusal.checks)
            registry.log_folder(run_id, story.folder / "report", "report")
            registry.finish(run_id, "refused", str(refusal))
            refusal.run_id = run_id
            raise
        except BaseException as cause:  # whatever ended the run, the registry has to show it
            with suppress(RegistryError):
                registry.finish(run_id, "failed", f"{type(cause).__name__}: {cause}")
            raise


def log_evaluation(story: Story, registry: Registry, fitted: Fitted, evaluation: Evaluation) -> None:
    """Parameters, metrics, plots and rows, so that a refused run has them too."""
    registry.log(story.run_id, params=fitted.params, metrics=evaluation.metrics)
    unit = next((metric.unit for metric in evaluation.metrics if metric.name == "mae"), "")
    draw.draw(story.folder / "plots", evaluation, fitted.importance, unit)
    registry.log_folder(story.run_id, story.folder / "plots", "plots")
    evaluation_rows.save(story.folder / evaluation_rows.FOLDER, evaluation)
    registry.log_folder(story.run_id, story.folder / evaluation_rows.FOLDER, evaluation_rows.FOLDER)


def export_graphs(story: Story, fitted: Fitted, parts: Split) -> EncoderExport | None:
    """Write the model and, for an app that keeps a collection, its encoder, which is returned."""
    app = story.recipe.app
    export.save(app, story.recipe.export(fitted), story.servable / MODEL_NAME)
    if app.collection is None:
        return None
    encoder = story.recipe.encoder(fitted, parts)
    export.save_encoder(app, encoder.model, story.servable / ENCODER_NAME)
    return encoder


def check_parity(
    story: Story, request: TrainRequest, fitted: Fitted, parts: Split, encoder: EncoderExport | None
) -> tuple[Parity, ...]:
    """Run the parity rows through every runtime and add the checks to the story."""
    recipe = story.recipe
    inputs = recipe.parity_inputs(fitted, parts)
    values = load_values(recipe.app.folder) if request.triton and triton.available() else None
    lines = parity.report(recipe, fitted.predict, story.servable / MODEL_NAME, inputs, values)
    if encoder is not None:
        lines += parity.encoder_report(recipe.app, encoder, story.servable / ENCODER_NAME)
    story.checks.append(gate.check_finite(fitted.predict(inputs), parity.ROWS))
    story.checks += gate.check_parity(lines)
    return lines


def seal(
    story: Story, fitted: Fitted, evaluation: Evaluation, parts: Split, lines: tuple[Parity, ...]
) -> Manifest:
    """Complete the servable folder: golden rows, the recipe's files, reports, manifest."""
    app = story.recipe.app
    servable.write_files(story.servable, fitted.files)
    questions = story.recipe.golden(parts)
    servable.write_golden(story.servable, app, questions, fitted)
    servable.write_report(story.servable, "gate", story.checks)
    servable.write_report(story.servable, "parity", lines)
    manifest = Manifest(
        model=app.name,
        version=servable.UNNUMBERED,
        created=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        run_id=story.run_id,
        git_commit=git_commit(),
        synthetic=story.dataset.synthetic,
        source=story.dataset.source,
        dataset_sha256=story.dataset.sha256,
        rows={name: len(getattr(parts, name)) for name in split.PARTS},
        split=parts.description,
        inputs=app.inputs,
        outputs=app.outputs,
        feature_names=app.feature_names,
        context=msgspec.Raw(msgspec.json.encode(fitted.context)),
        metrics=evaluation.metrics,
        gate=tuple(story.checks),
        parity=lines,
        libraries=libraries(),
    )
    sealed = servable.seal(story.servable, manifest)
    write_mlflow_model(story.servable, app, story.run_id, app.features(questions[:1], fitted.context))
    return sealed


def register(story: Story, registry: Registry) -> int:
    """Store the servable with the run and make it the app's next version."""
    registry.log_folder(story.run_id, story.servable, SERVABLE)
    return registry.register(
        story.recipe.app.name,
        story.run_id,
        {
            "slipway.synthetic": str(story.dataset.synthetic).lower(),
            "slipway.dataset": story.dataset.source,
            "slipway.dataset_sha256": story.dataset.sha256,
            "slipway.gate": f"passed {len(story.checks)} checks",
        },
    )
