"""`slipway compare`: fetch or compute the rows of both versions, pair them, measure the difference."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from serving.kernel.storage.version_manifest import Manifest
from training import find_recipe
from training.compare.intervals import LEVEL, Line, lines_of
from training.compare.rerun import published
from training.data import split
from training.data.load import load
from training.data.validate import tidied, validate
from training.errors import DataError
from training.measures import evaluation_rows
from training.measures.evaluation_rows import pair
from training.progress import Progress, Silent
from training.publish import repository
from training.recipe import Dataset, Evaluation, Recipe, RecipeOptions
from training.registry.mlflow_registry import Registry

__all__ = ["CompareRequest", "Comparison", "JudgeOnFiles", "compare", "manifests_of"]


@dataclass(frozen=True, kw_only=True)
class CompareRequest:
    """Which two versions to compare, and on which rows."""

    app: str
    versions: tuple[int, int]
    repository: Path
    paths: tuple[Path, ...] = ()
    """Files on whose test part to judge both. Without files, the rows that their trainings kept are used."""
    options: RecipeOptions = field(default_factory=RecipeOptions)


JudgeOnFiles = Callable[[CompareRequest, Sequence[Manifest], Progress], tuple[list[Evaluation], str, list[str]]]
"""Judges versions on the files of a request: the rows of each, the name of the files, and notes."""


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """Two versions on their common rows. Differences are second minus first."""

    app: str
    first: int
    second: int
    kind: str
    data: str
    """The name of the file on which both were judged; empty for the rows that the trainings kept."""
    rows: int
    rows_first: int
    rows_second: int
    """The rows on which each version was judged; `rows` are the common ones."""
    notes: tuple[str, ...]
    """What a reader must know to interpret the lines."""
    lines: tuple[Line, ...]


def compare(
    request: CompareRequest,
    registry: Registry | None = None,
    progress: Progress | None = None,
    recipe: Recipe[Any] | None = None,
    judge: JudgeOnFiles | None = None,
) -> Comparison:
    """Compare two versions of an app. The registry is required unless the request has files.

    `judge` judges added models, which have no recipe, on files.

    Raises `DataError` for unknown versions, missing rows, or no common rows; `RegistryError`; and `ServableError`
    for a version folder that differs from its manifest.
    """
    progress = progress or Silent()
    manifests = manifests_of(request)
    names = (f"version {request.versions[0]}", f"version {request.versions[1]}")
    notes = _data_notes(manifests, names)
    if request.paths:
        judge = judge or partial(_judged_on_files, recipe or find_recipe.find(request.app))
        evaluations, data, more = judge(request, manifests, progress)
        notes += more
    elif registry is not None:
        with progress.step("fetch"):
            evaluations, data = [_kept(registry, manifest) for manifest in manifests], ""
    else:
        raise DataError(
            "the rows that the trainings kept are in MLflow, which is not running; start it or give --data"
        )
    with progress.step("compare"):
        paired = pair(evaluations[0], evaluations[1], names)
        counts = [len(one.rows) for one in evaluations]
        if paired.first.empty:
            raise DataError(_nothing_common(manifests, names))
        if min(counts) != max(counts) or len(paired.first) < min(counts):
            judged = f"{names[0]} was judged on {counts[0]}, {names[1]} on {counts[1]}"
            notes.append(f"{len(paired.first)} rows are common; {judged}")
        wape = any(metric.name == "wape" for manifest in manifests for metric in manifest.metrics)
        lines = lines_of(paired, names, wape)
    return Comparison(
        app=request.app,
        first=request.versions[0],
        second=request.versions[1],
        kind=paired.kind,
        data=data,
        rows=len(paired.first),
        rows_first=counts[0],
        rows_second=counts[1],
        notes=(*notes, *_multiple_testing(lines)),
        lines=tuple(lines),
    )


def manifests_of(request: CompareRequest) -> list[Manifest]:
    """The manifests of both versions. Raises `DataError` for an unknown version."""
    first, second = request.versions
    if first == second:
        raise DataError(f"version {first} is given twice; give two different versions")
    there = repository.versions(request.repository, request.app)
    for version in request.versions:
        if version not in there:
            have = ", ".join(map(str, there)) or "none"
            raise DataError(
                f"{request.app} has no version {version} in the model repository (available: {have}); "
                "`slipway repository sync` fetches the versions that MLflow has"
            )
    return [repository.manifest(request.repository, request.app, version) for version in request.versions]


def _kept(registry: Registry, manifest: Manifest) -> Evaluation:
    """The rows that the version's training kept. Raises `DataError` when there are none."""
    if manifest.added and not manifest.gate:
        raise DataError(
            f"version {manifest.version} was not judged: it was added without --label. Add it again with rows and "
            "--label, or judge both versions on one file with --data and --label"
        )
    with tempfile.TemporaryDirectory(prefix="slipway-compare-") as folder:
        found = registry.fetch(manifest.run_id, evaluation_rows.FOLDER, Path(folder))
        if found is None or not (found / evaluation_rows.NAME).is_file():
            raise DataError(
                f"version {manifest.version} kept no evaluation rows (run {manifest.run_id}): it was trained "
                "by an older release. Train it again, or judge both versions on one file with --data"
            )
        return evaluation_rows.load(found / evaluation_rows.NAME)


def _judged_on_files(
    recipe: Recipe[Any], request: CompareRequest, manifests: Sequence[Manifest], progress: Progress
) -> tuple[list[Evaluation], str, list[str]]:
    """Both versions' rows on the test part of the files, the name of the files, and notes."""
    folders = [request.repository / request.app / str(version) for version in request.versions]
    fitted = [published(recipe.app, folder) for folder in folders]
    with progress.step("load"):
        dataset = load(recipe, request.paths, select=request.options.select)
    with progress.step("split"):
        tidy = tidied(recipe, dataset, request.options)
        # What a training kept on request must not end the comparison.
        kept = {name for manifest in manifests for name in manifest.allowed_columns} & {*tidy.columns}
        tidy = validate(recipe, tidy, dataset, tuple(kept))
        parts = split.check(recipe.split(tidy), recipe.time_column)
    with progress.step("evaluate"):
        found = [recipe.judged(one, parts) for one in fitted]
    return found, dataset.source, _seen_before(dataset, manifests)


def _data_notes(manifests: Sequence[Manifest], names: tuple[str, str]) -> list[str]:
    notes = [
        f"{name} was trained on SYNTHETIC data"
        for name, manifest in zip(names, manifests, strict=True)
        if manifest.synthetic
    ]
    digests = {_digest(manifest) for manifest in manifests}
    if len(digests) > 1 and all(digests):
        data = [f"{name} on {_data(manifest)}" for name, manifest in zip(names, manifests, strict=True)]
        verb = "judged" if manifests[0].added else "trained"
        notes.append(f"{verb} on different data: {', '.join(data)}")
    return notes


def _data(manifest: Manifest) -> str:
    source = manifest.split.get("data", "no rows") if manifest.added else manifest.source
    return f"{source or 'data without a name'} ({_digest(manifest)[:12]})"


def _digest(manifest: Manifest) -> str:
    """The digest of the rows, of an added model those that judged it; empty if none did."""
    return str(manifest.split.get("data_sha256", "")) if manifest.added else manifest.dataset_sha256


def _seen_before(dataset: Dataset, manifests: Sequence[Manifest]) -> list[str]:
    return [
        f"version {manifest.version} was trained on {_data(manifest)}, not on this {dataset.source} "
        f"({dataset.sha256[:12]}): it may have been fitted on some of these rows"
        for manifest in manifests
        if manifest.dataset_sha256 != dataset.sha256
    ]


def _nothing_common(manifests: Sequence[Manifest], names: tuple[str, str]) -> str:
    """Why there is no common row, as far as the manifests show, and what to do."""
    one, other = manifests
    if _digest(one) != _digest(other):
        reason = f"they were judged on different data: {_data(one)} and {_data(other)}"
    else:
        keys = [key for key in {**one.split, **other.split} if one.split.get(key) != other.split.get(key)]
        differences = "; ".join(f"{key}: {one.split.get(key)} and {other.split.get(key)}" for key in keys)
        how = f"split differently: {differences}" if differences else "selected differently"
        reason = f"the data is the same ({_data(one)}), but {how}"
    return f"{names[0]} and {names[1]} have no common test row; {reason}. Judge both on one file with --data"


def _multiple_testing(lines: Sequence[Line]) -> list[str]:
    """How to read many intervals."""
    shown = [line for line in lines if line.low is not None]
    if not shown:
        return ["no interval is shown: there are too few rows or blocks"]
    expected = len(shown) * (1 - LEVEL)
    return [
        f"{len(shown)} intervals of {LEVEL:.0%} are shown; if the versions were equally good, about "
        f"{expected:.1f} of them would exclude 0 by chance. Decide by the metric you chose before looking"
    ]
