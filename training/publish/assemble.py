"""The last step before registration: complete the servable folder of a training run."""

from __future__ import annotations

import time

import msgspec

from serving.kernel.storage.version_manifest import Manifest, Parity
from training.data.split import PARTS
from training.measures import gate
from training.publish import servable
from training.recipe import Evaluation, Fitted, Split
from training.registry.mlflow_model import write_mlflow_model
from training.registry.provenance import git_commit, libraries
from training.training_run import TrainingRun

__all__ = ["assemble"]


def assemble(
    run: TrainingRun, fitted: Fitted, evaluation: Evaluation, parts: Split, lines: tuple[Parity, ...]
) -> Manifest:
    """Add the recipe's files, the golden rows and the reports, seal the folder, and describe it to MLflow.

    `lines` is the parity report. Returns the manifest, which has no version number yet.
    """
    app, folder = run.recipe.app, run.servable
    servable.write_files(folder, fitted.files)
    questions = run.recipe.golden(parts)
    servable.write_golden(folder, app, questions, fitted)
    gate.write_report(folder, "gate", run.checks)
    gate.write_report(folder, "parity", lines)
    manifest = Manifest(
        model=app.name,
        version=servable.UNNUMBERED,
        created=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        run_id=run.id,
        git_commit=git_commit(),
        synthetic=run.dataset.synthetic,
        source=run.dataset.source,
        dataset_sha256=run.dataset.sha256,
        rows={name: len(getattr(parts, name)) for name in PARTS},
        split=parts.description,
        inputs=app.inputs,
        outputs=app.outputs,
        feature_names=app.feature_names,
        context=msgspec.Raw(msgspec.json.encode(fitted.context)),
        metrics=evaluation.metrics,
        gate=tuple(run.checks),
        parity=lines,
        libraries=libraries(),
        notes=run.notes,
        allowed_columns=run.allowed,
    )
    sealed = servable.seal(folder, manifest)
    write_mlflow_model(folder, app, run.id, app.features(questions[:1], fitted.context))
    return sealed
