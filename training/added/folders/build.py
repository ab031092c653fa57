"""Makes the servable folder of a model that only Triton can run, and proves it with a private Triton.

Its golden rows are what that Triton answers. The models that it uses are in `parts/` of its version, each in
Triton's layout, so that the manifest covers their files too.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import numpy as np
import onnx

from serving.kernel.added.app import added_app
from serving.kernel.added.columns import AddedContext
from serving.kernel.app_values import Batching, Values
from serving.kernel.storage.version_manifest import GOLDEN_NAME, Parity
from serving.kernel.tensors import Arrays
from training.added.build import (
    BATCH,
    LENGTH,
    MOST_SECONDS,
    Built,
    Wanted,
    compared,
    count_of,
    quick_enough,
    unnumbered,
)
from training.added.check import check, each_row, parity
from training.added.classes import Classes, find_classes
from training.added.columns import Named, name_columns
from training.added.errors import AddError
from training.added.folders.config import CONFIG, check_config, engine_of, read_config, tensors
from training.added.folders.engine import check_backends, ran, row_axes, served
from training.added.folders.onnx_file import ROW_BY_ROW, labels
from training.added.folders.read import TritonFolder, read_folder
from training.added.folders.write import contents, placed, stop_batching, write_models
from training.added.golden import golden_count, question_of, write_golden
from training.added.graphs.engine import seconds_of
from training.added.graphs.read import Graph
from training.added.plan import Overrides, Plan, Rows, Run, make_plan, rows_of, tolerance_of
from training.added.rows import head, made_rows
from training.progress import Progress

__all__ = ["answering", "build_folder"]

WHERE = "Only Triton can run it: `slipway up` starts one, and SLIPWAY_TRITON_URL names one elsewhere."


@dataclass(frozen=True)
class _Opened:
    """A folder's model while a private Triton serves it."""

    wanted: Wanted
    source: TritonFolder
    graph: Graph
    named: Named
    plan: Plan
    rows: Arrays
    run: Run


def build_folder(wanted: Wanted, folder: Path, progress: Progress) -> Built:
    """Write the model, those that it uses and its golden rows into `folder`. Raises `AddError`."""
    source = read_folder(wanted.path)
    config = source.model.config
    check_config(config)
    check_backends(source)
    with progress.step("read"):
        ins, outs = tensors(config, "input"), tensors(config, "output")
        graph = Graph(source.model.folder, onnx.ModelProto(), ins, outs, (), ())
        layout = _rows(graph, wanted.overrides, config.max_batch_size)
        named = name_columns(layout, wanted.sample, wanted.columns, wanted.aside)
        write_models(wanted.name, source, folder)
        digest, files = contents(source, folder), set(folder.rglob("*"))
    with ExitStack() as stack:
        with progress.step("triton"):
            url = stack.enter_context(served(placed(wanted.name, folder)))
        bare = stack.enter_context(ran(url, wanted.name, ins, outs, config.max_batch_size))
        with progress.step("inspect"):
            plan = make_plan(graph, layout, bare, named.arrays)
        rows = named.arrays or made_rows(layout.inputs, count_of(layout), LENGTH, plan.kind)
        run = bare if config.max_batch_size else row_axes(bare)
        try:
            built = _prove(_Opened(wanted, source, graph, named, plan, rows, run), folder, progress)
        except RuntimeError as cause:
            given = "rows of the sample" if named.arrays else "made-up rows; give some with --sample"
            raise AddError(f"the model fails with {given}: {cause}") from cause
        _check_written(folder, files)
    if built.context.alone:
        stop_batching(folder)
    return replace(built, contents=digest)


@contextmanager
def answering(name: str, folder: Path) -> Iterator[Run]:
    """A function that runs rows, as the gateway does, through a Triton with what is in `folder`.

    Raises `AddError`.
    """
    config = read_config(folder)
    ins, outs = tensors(config, "input"), tensors(config, "output")
    most = config.max_batch_size
    with served(placed(name, folder)) as url, ran(url, name, ins, outs, most) as run:
        yield run if most else row_axes(run)


def _rows(graph: Graph, overrides: Overrides, most: int) -> Rows:
    """What a row is: without a row axis in Triton, the whole of each input."""
    if most:
        if overrides.batch is False:
            raise AddError(f"--config: batch is false, but {CONFIG} has max_batch_size: {most}; write 0 there")
        return rows_of(graph, overrides)
    rows = rows_of(graph, msgspec.structs.replace(overrides, batch=False))
    return replace(rows, alone=ROW_BY_ROW)


def _prove(opened: _Opened, folder: Path, progress: Progress) -> Built:
    """Measure the model, compare its answers with each other, and write golden rows."""
    wanted, plan, run, rows = opened.wanted, opened.plan, opened.run, opened.rows
    values, one, speed = _measure(opened)
    context = _context(opened)
    manifest = unnumbered(wanted, plan, context, (*opened.source.notes, *_notes(opened), speed))
    app = added_app(manifest, Path(wanted.name))
    with progress.step("parity"):
        lines = _compare(plan, run, head(rows, compared(plan, one)))
        check(lines)
    write_golden(folder, app, context, head(rows, golden_count(rows, plan.varies, plan.values)), run)
    return Built(app, context, msgspec.structs.replace(manifest, parity=tuple(lines)), values, rows, run)


def _check_written(folder: Path, files: set[Path]) -> None:
    """Raise `AddError` for files that the model wrote: what a gateway loads is what the manifest lists."""
    more = {path for path in folder.rglob("*") if path.is_file()} - files - {folder / GOLDEN_NAME}
    if more:
        raise AddError(
            f"the model writes {min(more).relative_to(folder)} into its own folder, which must stay as it was; "
            "let it write to a temporary folder"
        )


def _measure(opened: _Opened) -> tuple[Values, float, str]:
    """The settings, the seconds of one row, and a sentence on both."""
    one = seconds_of(opened.run, head(opened.rows, 1))
    text = f"A row takes {one * 1e3:.2g} ms in Triton"
    most = min(BATCH, opened.source.model.config.max_batch_size)
    if opened.plan.alone or most <= 1 or one > MOST_SECONDS:
        return Values(backend="triton", batching=Batching(max_rows=1)), one, f"{text}."
    batch = {name: np.resize(array, (most, *array.shape[1:])) for name, array in opened.rows.items()}
    full = seconds_of(opened.run, batch)
    text = f"{text}, and {most} rows together {full * 1e3:.2g} ms."
    return Values(backend="triton", batching=Batching(max_rows=quick_enough(most, full))), one, text


def _context(opened: _Opened) -> AddedContext:
    plan, given = opened.plan, opened.wanted.labels
    names = given or labels(opened.source)
    classes = Classes()
    if names:
        answered = each_row(opened.run, head(opened.rows, 4), bool(plan.alone))
        joined = answered[0]
        if not plan.varies:
            joined = {name: np.concatenate([row[name] for row in answered]) for name in joined}
        # A file of labels belongs to one output.
        own = {item.name for item in opened.source.model.config.output if item.label_filename and not given}
        outputs = tuple(spec for spec in plan.outputs if spec.name in own) or plan.outputs
        classes = find_classes(opened.graph, replace(plan, outputs=outputs), joined, names)
    platform, backend = engine_of(opened.source.model.config, opened.source.model.backend)
    return AddedContext(
        columns=opened.named.columns,
        example=question_of(opened.named.columns, opened.rows, 0),
        labels=classes.labels,
        index=classes.index,
        scores=classes.scores,
        softmax=classes.softmax,
        alone=plan.alone,
        row_axis=opened.source.model.config.max_batch_size > 0,
        triton_platform=platform,
        triton_backend=backend,
        tolerance=tolerance_of((*plan.inputs, *plan.outputs)),
    )


def _notes(opened: _Opened) -> list[str]:
    found = [WHERE]
    if opened.plan.alone:
        found.append(f"Rows run one at a time: {opened.plan.alone}.")
    if opened.source.parts:
        names = ", ".join(f"{part.name} {part.version}" for part in opened.source.parts)
        found.append(f"It uses models that Triton serves beside it: {names}.")
    code = [model.runs_code for model in opened.source.models if model.runs_code]
    if code:
        found.append(f"Triton runs code for it: {'; '.join(code)}.")
    if opened.named.unused:
        found.append(f"Columns of the sample that the model does not take: {', '.join(opened.named.unused[:20])}.")
    return found


def _compare(plan: Plan, run: Run, rows: Arrays) -> list[Parity]:
    """Triton's answers to the same rows: a second time, and alone instead of together."""
    truth = each_row(run, rows, bool(plan.alone))
    lines = parity("triton/again", plan, truth, each_row(run, rows, bool(plan.alone)))
    if not plan.alone:
        lines += parity("triton/one at a time", plan, truth, each_row(run, rows, alone=True))
    return lines
