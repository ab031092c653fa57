"""Makes the servable folder of a model: reads, plans, proves parity, measures, and writes golden rows.

Nothing here needs the registry, so a wrong file costs seconds and leaves nothing behind.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pandas as pd
from tritonclient.utils import InferenceServerException

from serving.kernel.added.app import added_app
from serving.kernel.added.columns import AddedContext
from serving.kernel.app import App
from serving.kernel.app_values import Batching, Values
from serving.kernel.storage.version_manifest import MODEL_NAME, Manifest, Parity
from serving.kernel.tensors import Arrays, as_text
from training.added.check import check, each_row, parity
from training.added.classes import find_classes
from training.added.columns import Named, name_columns, with_gaps
from training.added.errors import AddError
from training.added.golden import MOST_ROWS, golden_count, question_of, write_golden
from training.added.graphs.engine import open_run, seconds_of
from training.added.graphs.nodes import columns_of_nodes
from training.added.graphs.read import Graph, Tensor, read_graph
from training.added.graphs.wrap import wrapped
from training.added.plan import Overrides, Plan, Rows, Run, make_plan, rows_of, tolerance_of
from training.added.rows import head, made_rows, row_size
from training.added.sources.exchange import Native
from training.onnx import triton
from training.onnx.parity import triton_model
from training.progress import Progress
from training.publish.servable import UNNUMBERED

__all__ = ["Built", "Wanted", "build", "compared", "count_of", "quick_enough", "unnumbered"]

BATCH, MOST_SECONDS = 64, 0.1
"""Rows of a batch, and the seconds that it may take: a batch of a slow model has fewer."""
PARITY_ROWS, PARITY_SECONDS = 256, 5.0
"""Rows that are compared, and about how long the model may run for them."""
LENGTH = 5
"""The size of free axes of made rows."""
LEAST_ROWS, MOST_VALUES = 4, 2**22
"""Rows that are made in any case, and values that all rows, or all of their outputs, may have together."""
MOST_ARRAYS = 2**14
"""Outputs of all rows that are compared: a model may have a thousand."""


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What the user says of the model."""

    name: str
    path: Path
    """The ONNX file, or the folder of a model that only Triton can run."""
    source: str
    """What the model is called where it comes from."""
    sample: pd.DataFrame | None = None
    """Rows without their label."""
    aside: tuple[str, ...] = ()
    """Columns of the sample that are no values of an input of several, such as the time of a row."""
    columns: tuple[str, ...] = ()
    gaps: tuple[str, ...] = ()
    """Columns that may be empty although no sample shows it."""
    labels: tuple[str, ...] = ()
    overrides: Overrides = Overrides()
    triton: bool = True
    """Whether parity includes Triton."""
    native: Native | None = None
    """Rows with the answers of the model that was converted; None: it was ONNX."""
    notes: tuple[str, ...] = ()
    """What the conversion says."""


@dataclass(frozen=True)
class Built:
    """What a servable folder holds; only its manifest is not written yet."""

    app: App[Any, Any, AddedContext]
    context: AddedContext
    manifest: Manifest
    values: Values
    rows: Arrays
    """The sample, or the rows that were made up."""
    run: Run
    """Runs rows as the gateway does; that of a folder needs its Triton."""
    contents: str = ""
    """SHA-256 of the folder that was added; empty for a file."""


def build(wanted: Wanted, folder: Path, progress: Progress) -> Built:
    """Write the model and its golden rows into `folder`. Raises `AddError`."""
    with progress.step("read"):
        graph = read_graph(wanted.path)
        layout = rows_of(graph, wanted.overrides)
        named = with_gaps(name_columns(layout, wanted.sample, wanted.columns, wanted.aside), layout, wanted.gaps)
        _write(graph, folder)
    with progress.step("inspect"):
        model = graph.model
        bare = open_run(folder / MODEL_NAME, optimised=False)
        real = named.arrays or _without_gaps(wanted.native)
        plan = make_plan(graph, layout, bare, real)
        if plan.add_to_inputs or plan.add_to_outputs:
            ins, outs = _shaped(graph, layout, plan)
            model = wrapped(graph.model, ins, outs, plan.add_to_inputs, plan.add_to_outputs)
            (folder / MODEL_NAME).write_bytes(model.SerializeToString(deterministic=True))
        served = open_run(folder / MODEL_NAME)
        rows = real or made_rows(layout.inputs, count_of(layout), LENGTH, plan.kind)
        values, one, speed = _measure(plan, served, rows)
    answered = each_row(served, head(rows, min(MOST_ROWS, compared(plan, one))), bool(plan.alone))
    if len({tuple(array.shape for array in row.values()) for row in answered}) > 1:
        plan = replace(plan, varies=True)
    context = _context(wanted, graph, plan, named, answered, rows)
    nodes = columns_of_nodes(model.graph, named.columns, plan.inputs)
    context = msgspec.structs.replace(context, nodes=nodes)
    manifest = unnumbered(wanted, plan, context, (*wanted.notes, *graph.notes, *_notes(plan, named), speed))
    app = added_app(manifest, Path(wanted.name))
    with progress.step("parity"):
        some = head(rows, compared(plan, one))
        lines = _against_native(plan, served, wanted.native) if wanted.native else []
        lines += _compare(plan, bare, served, some)
        check(lines)
    # The Triton of the wheel has no BF16.
    brain = any(spec.datatype == "BF16" for spec in (*plan.inputs, *plan.outputs))
    if wanted.triton and triton.available() and not (graph.weights or plan.varies or plan.alone or brain):
        with progress.step("triton"):
            lines += _through_triton(plan, app, values, folder, served, some)
            check(lines)
    write_golden(folder, app, context, head(rows, golden_count(rows, plan.varies, plan.values)), served)
    return Built(app, context, msgspec.structs.replace(manifest, parity=tuple(lines)), values, rows, served)


def _shaped(graph: Graph, layout: Rows, plan: Plan) -> tuple[list[Tensor], list[Tensor]]:
    """The inputs and outputs of the graph, with the shapes that were given or found where the file has none."""
    found = {item.name: item.shape or () for item in layout.inputs}
    found |= {spec.name: tuple("" if size < 0 else size for size in spec.shape) for spec in plan.outputs}
    added = {*plan.add_to_inputs, *plan.add_to_outputs}

    def shaped(item: Tensor) -> Tensor:
        own = found[item.name][1:] if item.name in added else found[item.name]
        return item if item.shape is not None else replace(item, shape=own)

    return list(map(shaped, graph.inputs)), list(map(shaped, graph.outputs))


def count_of(layout: Rows) -> int:
    """How many rows to make; pictures are large."""
    return max(LEAST_ROWS, min(PARITY_ROWS, MOST_VALUES // max(1, row_size(layout.inputs, LENGTH))))


def compared(plan: Plan, seconds: float) -> int:
    """How many rows to compare, of which one takes so many seconds."""
    by_size = min(MOST_VALUES // max(1, plan.values), MOST_ARRAYS // len(plan.outputs))
    return max(1, min(PARITY_ROWS, int(PARITY_SECONDS / max(seconds, 1e-9)), by_size))


def _write(graph: Graph, folder: Path) -> None:
    """The model and its weights; a graph that was not changed keeps its bytes."""
    if graph.notes:
        (folder / MODEL_NAME).write_bytes(graph.model.SerializeToString(deterministic=True))
    else:
        shutil.copyfile(graph.path, folder / MODEL_NAME)
    for weights in graph.weights:
        target = folder / weights
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(graph.path.parent / weights, target)


def _measure(plan: Plan, served: Run, rows: Arrays) -> tuple[Values, float, str]:
    """The settings, the seconds of one row, and a sentence on both."""
    one = seconds_of(served, head(rows, 1))
    text = f"A row takes {one * 1e3:.2g} ms on one core"
    if plan.alone:
        return Values(batching=Batching(max_rows=1)), one, f"{text}."
    if one > MOST_SECONDS:
        return Values(batching=Batching(max_rows=1)), one, f"{text}, too long for batches."
    largest = sum(array[:1].size for array in rows.values()) + plan.values
    together = max(1, min(BATCH, MOST_VALUES // largest))
    full = seconds_of(
        served, {name: np.resize(array, (together, *array.shape[1:])) for name, array in rows.items()}
    )
    batching = Batching(max_rows=quick_enough(together, full))
    return Values(batching=batching), one, f"{text}, and {together} rows together {full * 1e3:.2g} ms."


def quick_enough(rows: int, seconds: float) -> int:
    """The rows of a batch, halved until it takes at most `MOST_SECONDS`; `rows` together take `seconds`."""
    most = rows
    while most > 1 and seconds * most / rows > MOST_SECONDS:
        most //= 2
    return most


def _context(
    wanted: Wanted, graph: Graph, plan: Plan, named: Named, answered: list[Arrays], rows: Arrays
) -> AddedContext:
    joined = answered[0]
    if not plan.varies:
        joined = {name: np.concatenate([row[name] for row in answered]) for name in joined}
    classes = find_classes(graph, plan, joined, wanted.labels)
    return AddedContext(
        columns=named.columns,
        example=question_of(named.columns, rows, 0),
        labels=classes.labels,
        index=classes.index,
        scores=classes.scores,
        softmax=classes.softmax,
        numbers=classes.numbers,
        alone=plan.alone,
        ragged=plan.ragged,
        unsteady=graph.unsteady,
        tolerance=tolerance_of((*plan.inputs, *plan.outputs)),
    )


def unnumbered(wanted: Wanted, plan: Plan, context: AddedContext, notes: tuple[str, ...]) -> Manifest:
    """The manifest as far as it is known before registration."""
    return Manifest(
        model=wanted.name,
        version=UNNUMBERED,
        added=True,
        created="",
        run_id="",
        source=wanted.source,
        inputs=plan.inputs,
        outputs=plan.outputs,
        feature_names=tuple(column.name for column in context.columns if column.position >= 0),
        context=msgspec.Raw(msgspec.json.encode(context)),
        notes=notes,
    )


def _without_gaps(native: Native | None) -> Arrays | None:
    """Rows of the conversion that a question can have: in JSON, no number is NaN."""
    if native is None:
        return None
    gaps: Any = False
    for array in native.inputs.values():
        if array.dtype.kind == "f":
            gaps = gaps | np.isnan(array.reshape(len(array), -1)).any(axis=1)
    kept = ~np.broadcast_to(gaps, len(next(iter(native.inputs.values()))))
    return {name: array[kept] for name, array in native.inputs.items()} if kept.any() else None


def _against_native(plan: Plan, served: Run, native: Native) -> list[Parity]:
    """The model that was converted, as its own library runs it, against what is served."""
    count = len(next(iter(native.inputs.values())))
    truth = [{name: array[[row]] for name, array in native.outputs.items()} for row in range(count)]
    return parity("native/onnxruntime", plan, truth, each_row(served, native.inputs, bool(plan.alone)))


def _compare(plan: Plan, bare: Run, served: Run, rows: Arrays) -> list[Parity]:
    """The file's graph, row by row and without optimisation, against what is served."""

    def as_in_the_file(inputs: Arrays) -> Arrays:
        found = bare({n: np.asarray(a[0]) if n in plan.add_to_inputs else a for n, a in inputs.items()})
        return {n: np.asarray(a)[None] if n in plan.add_to_outputs else a for n, a in found.items()}

    truth = each_row(as_in_the_file, rows, alone=True)
    lines = parity("file/onnxruntime", plan, truth, each_row(served, rows, bool(plan.alone)))
    if not plan.alone:
        lines += parity("onnxruntime/one at a time", plan, truth, each_row(served, rows, alone=True))
    return lines


def _through_triton(
    plan: Plan, app: App[Any, Any, AddedContext], values: Values, folder: Path, served: Run, rows: Arrays
) -> list[Parity]:
    """What is served here against a private Triton with the same graph."""
    try:
        found = triton_model(app, folder / MODEL_NAME, rows, values)
    except InferenceServerException as cause:
        raise AddError(f"Triton does not answer: {cause}; --no-triton leaves this proof out") from cause
    # Triton sends texts as bytes.
    found = {name: as_text(array) if array.dtype == np.object_ else array for name, array in found.items()}
    each = [{name: array[[row]] for name, array in found.items()} for row in range(len(next(iter(rows.values()))))]
    return parity("onnxruntime/triton", plan, each_row(served, rows, alone=False), each)


def _notes(plan: Plan, named: Named) -> list[str]:
    found = []
    if plan.alone:
        found.append(f"Rows run one at a time: {plan.alone}.")
    if named.unused:
        found.append(f"Columns of the sample that the model does not take: {', '.join(named.unused[:20])}.")
    return found
