"""Judges a model on rows with known answers. `judge` is the whole story; nothing here needs the registry."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pandas as pd

from serving.kernel.added.app import added_app
from serving.kernel.added.columns import AddedContext
from serving.kernel.added.record_types import LABEL, PROBABILITIES
from serving.kernel.storage.version_manifest import Check, Manifest
from serving.kernel.tensors import Arrays
from training.added.build import Built
from training.added.check import each_row
from training.added.errors import AddError
from training.added.truth.cut import Cut, cut, row_before
from training.added.truth.given import Truth
from training.added.truth.measure import Judged, of_classes, of_probabilities, of_values
from training.added.truth.target import Target, target_of
from training.measures.evaluation_rows import keyed
from training.measures.gate import check_finite, check_metrics
from training.progress import Progress
from training.recipe import Evaluation

__all__ = ["judge"]

MOST_SECONDS, MOST_ROWS = 60.0, 50_000
"""About how long the model may run, and the rows that are measured; of more, some are taken all over them."""

Rows = npt.NDArray[np.int64]


def judge(built: Built, truth: Truth, progress: Progress) -> tuple[Built, Judged]:
    """Measure a model on the held-out rows of its sample. Returns it as judged, with the checks of its gate.

    The caller decides what happens to a model that fails them. Raises `AddError` for labels that do not fit the
    model, or too few rows.
    """
    with progress.step("judge"):
        parts = cut(truth)
        rows, blocks, notes = _affordable(built, parts)
        answered = _run(built, rows)
        target = target_of(truth, built.context, built.manifest.outputs, answered)
        if target.output:
            found = _values(truth, target, parts, rows, blocks, answered)
        else:
            found = _classes(built.manifest, target, parts, rows, blocks, answered)
        found = replace(found, evaluation=keyed(found.evaluation, blocks, truth.keys[rows]))
    return _judged(
        built,
        truth,
        parts,
        replace(found, notes=(*_notes(truth, parts, len(rows)), *notes, *found.notes, *_warnings(built, truth))),
    )


def _affordable(built: Built, parts: Cut) -> tuple[Rows, npt.NDArray[np.object_], list[str]]:
    """The held-out rows that the model can run in the time, their blocks, and a note if they are not all."""
    first = parts.held_out[: built.values.batching.max_rows]
    began = time.perf_counter()
    _run(built, first)
    spent = (time.perf_counter() - began) / len(first)
    total = len(parts.held_out)
    most = max(len(first), min(MOST_ROWS, int(MOST_SECONDS / max(spent, 1e-9))))
    if total <= most:
        return parts.held_out, parts.blocks, []
    chosen = np.unique(np.linspace(0, total - 1, most).astype(np.int64))
    note = f"Of {total:,} held-out rows, {len(chosen):,} are measured: more would take too long."
    return parts.held_out[chosen], parts.blocks[chosen], [note]


def _run(built: Built, rows: Rows) -> list[Arrays]:
    """The outputs of these rows of the sample, in batches as the gateway makes them. Raises `AddError`."""
    many = built.values.batching.max_rows
    found: list[Arrays] = []
    for start in range(0, len(rows), many):
        chosen = rows[start : start + many]
        inputs = {name: array[chosen] for name, array in built.rows.items()}
        try:
            found += each_row(built.run, inputs, alone=True) if built.context.alone else [built.run(inputs)]
        except RuntimeError as cause:
            raise AddError(
                f"--label: the model fails with row {chosen[0] + 1} of the labelled rows, or one of the "
                f"{len(chosen) - 1} after it: {cause}"
            ) from cause
    return found


def _values(
    truth: Truth, target: Target, parts: Cut, rows: Rows, blocks: npt.NDArray[Any], answered: Sequence[Arrays]
) -> Judged:
    predicted = np.concatenate([one[target.output].reshape(-1) for one in answered]).astype(np.float64)
    finite = check_finite({target.output: predicted}, len(rows))
    before = row_before(truth)
    last = None
    if before is not None:
        last = np.where(before[rows] >= 0, target.actual[before[rows]], np.nan)
    if not finite.passed:
        return Judged(_unmeasured(target.actual[rows], predicted), (finite,))
    return _with(finite, of_values(target.actual[rows], predicted, target.actual[parts.fitted], last, blocks))


def _classes(
    manifest: Manifest,
    target: Target,
    parts: Cut,
    rows: Rows,
    blocks: npt.NDArray[Any],
    answered: Sequence[Arrays],
) -> Judged:
    """Measure the classes, and the probabilities of two, as the answers to a client have them."""
    names = target.context.labels
    context = msgspec.Raw(msgspec.json.encode(target.context))
    app = added_app(msgspec.structs.replace(manifest, context=context), Path(manifest.model))
    answers: list[dict[str, Any]] = []
    for outputs in answered:
        count = len(next(iter(outputs.values())))
        answers += msgspec.to_builtins(app.decide([None] * count, outputs, target.context))
    places = {name: place for place, name in enumerate(names)}
    predicted = np.array([places.get(one[LABEL], -1) for one in answers])
    actual, before = target.actual[rows], target.actual[parts.fitted]
    if not target.context.scores:
        return _with(None, of_classes(actual, predicted, before, blocks, names))
    stated = np.array([list(one[PROBABILITIES].values()) for one in answers], np.float64)
    finite = check_finite({target.context.scores: stated}, len(rows))
    if not finite.passed:
        return Judged(_unmeasured(actual, predicted), (finite,))
    if len(names) == 2:
        return _with(finite, of_probabilities(actual, stated[:, 1], predicted, before, blocks, names))
    return _with(finite, of_classes(actual, predicted, before, blocks, names))


def _with(finite: Check | None, found: Judged) -> Judged:
    """The checks of every model before its own."""
    common = [check for check in (finite, check_metrics(found.evaluation)) if check is not None]
    return replace(found, checks=(*common, *found.checks))


def _unmeasured(actual: npt.NDArray[Any], predicted: npt.NDArray[Any]) -> Evaluation:
    return Evaluation(metrics=(), rows=pd.DataFrame({"actual": actual, "predicted": predicted}))


def _notes(truth: Truth, parts: Cut, measured: int) -> list[str]:
    how = {
        "time": f"the later half of {truth.time}",
        "group": f"about half of the groups of {truth.group}, drawn at random",
        "random": "about half of the rows, drawn at random",
    }[parts.description["kind"]]
    notes = [
        f"Measured on {measured:,} rows of {truth.source}, {how}; the naive baseline is fitted on "
        f"the {len(parts.fitted):,} others.",
    ]
    if truth.dropped:
        notes.append(f"{truth.dropped:,} rows have no {truth.label} and are left out.")
    return notes


def _warnings(built: Built, truth: Truth) -> list[str]:
    """A sentence on each column that the model reads and that gives the label away."""
    read = [column.name for column in built.context.columns if column.name in truth.telling]
    return [
        f"The column {name!r}, which the model reads, {truth.telling[name]}: if it is not known yet when the "
        "model is asked, the figures are too good and the model is of no use."
        for name in read
    ]


def _judged(built: Built, truth: Truth, parts: Cut, found: Judged) -> tuple[Built, Judged]:
    context: AddedContext = msgspec.structs.replace(built.context, judged=True)
    manifest = msgspec.structs.replace(
        built.manifest,
        context=msgspec.Raw(msgspec.json.encode(context)),
        metrics=found.evaluation.metrics,
        gate=found.checks,
        rows={"baseline": len(parts.fitted), "held_out": len(found.evaluation.rows)},
        split=parts.description,
        notes=(*built.manifest.notes, *found.notes),
    )
    app = added_app(manifest, Path(manifest.model))
    return replace(built, app=app, context=context, manifest=manifest), found
