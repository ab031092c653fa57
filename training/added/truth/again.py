"""Judges published versions of an added model on one file, to compare them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pandas as pd

from serving.kernel.added.app import added_app
from serving.kernel.added.columns import AddedContext
from serving.kernel.app import App
from serving.kernel.app_values import Batching, Values
from serving.kernel.storage.version_manifest import MODEL_NAME, Manifest
from training.added.build import BATCH, Built
from training.added.graphs.engine import open_run
from training.added.truth.given import take_truth
from training.added.truth.judge import judge
from training.compare.run import CompareRequest
from training.data.notation import Notation
from training.data.read import from_files
from training.errors import DataError
from training.progress import Progress
from training.publish.servable import verify
from training.recipe import Evaluation

__all__ = ["judge_again"]


def judge_again(
    request: CompareRequest, manifests: Sequence[Manifest], progress: Progress
) -> tuple[list[Evaluation], str, list[str]]:
    """Each version's rows on the held-out part of the files, the name of the files, and notes.

    The options `label`, `time` and `group` name columns; without a label, the newest judged version has them.
    Raises `DataError`, `AddError`, or `ServableError` for a folder that differs from its manifest.
    """
    select = dict(request.options.select)
    with progress.step("load"):
        dataset = from_files(request.paths, told=Notation.of(select))
    if "label" not in select:
        select = {**_columns(manifests), **select}
    sample, truth = take_truth(dataset, select["label"], select.get("time", ""), select.get("group", ""))
    found = []
    for number in request.versions:
        folder = request.repository / request.app / str(number)
        found.append(judge(_published(folder, sample), truth, progress)[1].evaluation)
    return found, dataset.source, ["it is not known whether the versions were trained on these rows"]


def _columns(manifests: Sequence[Manifest]) -> dict[str, str]:
    """The columns by which a version was judged, as options."""
    for manifest in sorted(manifests, key=lambda one: -one.version):
        if manifest.gate:
            split = manifest.split
            found = {"label": split["label"], "group": split.get("group", "")}
            return {**found, split["kind"]: split["column"]}
    raise DataError("neither version was judged: name the column with the known answers with --label")


def _published(folder: Path, sample: pd.DataFrame) -> Built:
    """A version as it was when it was added, with the rows of this sample."""
    manifest = verify(folder)
    app = added_app(manifest, folder.parent)
    context = msgspec.json.decode(manifest.context, type=AddedContext)
    rows = app.features(_questions(app, manifest, context, sample), context)
    most = 1 if context.alone else BATCH
    return Built(
        app, context, manifest, Values(batching=Batching(max_rows=most)), rows, open_run(folder / MODEL_NAME)
    )


def _questions(
    app: App[Any, Any, Any], manifest: Manifest, context: AddedContext, sample: pd.DataFrame
) -> list[Any]:
    """Each row of the sample as a question of this version."""
    name = f"{manifest.model} version {manifest.version}"
    missing = [column.name for column in context.columns if column.name not in sample.columns]
    if missing:
        raise DataError(f"{name} takes the column {missing[0]!r}, which the file does not have")
    texts = {spec.name for spec in manifest.inputs if spec.datatype == "BYTES"}
    cells = [[_plain(cell, column.tensor in texts) for cell in sample[column.name]] for column in context.columns]
    questions = []
    for index, row in enumerate(zip(*cells, strict=True)):
        record = {column.name: cell for column, cell in zip(context.columns, row, strict=True)}
        try:
            questions.append(msgspec.convert(record, app.question))
        except msgspec.ValidationError as cause:
            raise DataError(f"row {index + 1} of the labelled rows does not fit {name}: {cause}") from cause
    return questions


def _plain(cell: Any, text: bool) -> Any:
    """A cell as JSON has it; an empty one is null, or an empty text."""
    if isinstance(cell, np.ndarray | list):
        return np.asarray(cell).tolist()
    if cell is None or cell != cell:
        return "" if text else None
    return str(cell) if text else np.asarray(cell).tolist()
