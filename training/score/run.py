"""`slipway score`: choose and verify a version, scan the file, score the missing blocks, merge the parts."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec

from serving.kernel.app import App
from serving.kernel.cpu_quota import cpu_count
from serving.kernel.find_app import listed_packages
from serving.kernel.storage.private_files import private_folder
from serving.kernel.storage.version_files import decode_context
from serving.kernel.storage.version_manifest import Manifest
from training import find_recipe
from training.data.notation import Notation
from training.errors import DataError, ScoreError
from training.fit.ray_session import connected, environment
from training.progress import Progress, Silent
from training.recipe import QuestionColumns
from training.score.answers import schema
from training.score.merge import merge
from training.score.parts import Parts, Plan
from training.score.question_file import BLOCK_ROWS, Block, QuestionFile, format_of, read_question_file
from training.score.table_rows import has_numbers_by_name
from training.score.training_table import as_parquet, as_questions, why_no_question
from training.score.version import ModelRuntime, choose, open_version
from training.score.worker import Job, Scorer

__all__ = ["ONE_PROCESS_ROWS", "ScoreRequest", "ScoreResult", "score"]

ONE_PROCESS_ROWS = 50_000
"""Most rows that this process scores alone unless workers were asked for: Ray takes longer to start."""


@dataclass(frozen=True, kw_only=True)
class ScoreRequest:
    """Which file to score, with which version, and where the output goes."""

    app: str
    data: Path
    out: Path
    home: Path
    """The folder for the files of a private Ray."""
    runtime: ModelRuntime
    version: int = 0
    """0 means the champion, or for a resumed run the version it began with."""
    rejects: Path | None = None
    """Default: the output's name with the ending `.rejects.jsonl`."""
    keep: tuple[str, ...] = ()
    workers: int = 0
    """0 means no workers for at most `ONE_PROCESS_ROWS` rows, otherwise one per core."""
    block_rows: int = BLOCK_ROWS
    overwrite: bool = False
    select: Mapping[str, str] = field(default_factory=dict)
    """How numbers of the app's training table are written: `decimal`."""


class ScoreResult(msgspec.Struct, frozen=True, kw_only=True):
    """The result of a run."""

    app: str
    version: int
    rows: int
    rejected: int
    resumed: int
    """Rows that an earlier run had scored."""
    out: str
    rejects: str
    seconds: dict[str, float]


def score(request: ScoreRequest, progress: Progress | None = None) -> ScoreResult:
    """Score a file, or resume a run that was stopped or killed.

    Raises `DataError` for an invalid file, version or option, and `ScoreError` when the run fails. Finished blocks
    are kept for the next run.
    """
    progress = progress or Silent()
    # Workers of a Ray that runs already may not have `SLIPWAY_APPS`.
    name = listed_packages().get(request.app, request.app)
    request = replace(request, app=name, data=request.data.resolve(), out=request.out.resolve())
    rejects = (request.rejects or request.out.with_suffix(".rejects.jsonl")).resolve()
    _check_paths(request, rejects)
    parts = Parts(request.out)
    begun = parts.folder.exists() and not request.overwrite
    there = [path for path in (request.out, rejects) if path.exists()]
    if there and not begun and not request.overwrite:
        raise DataError(f"{there[0]} already exists; --overwrite replaces it")
    choose(request.app, Path(request.runtime.repository), request.version)
    with parts.locked():
        app, source, plan = _prepare(request, parts, progress)
        done = {block.number: block.rows for block in source.blocks if parts.finished(block.number) is not None}
        resumed = sum(done.values())
        if resumed:
            progress.log(f"resuming: {resumed} of {source.rows} rows are already scored by version {plan.version}")
        form = format_of(request.out)
        columns = schema(app.answer, source, request.keep, form)
        with progress.step("score"):
            missing = [block for block in source.blocks if block.number not in done]
            _score(request, _job(request, source, plan, parts, form), missing, resumed, progress)
        with progress.step("merge"):
            rejected = merge(parts, len(source.blocks), source.rows, columns, form, request.out, rejects)
            parts.remove()
    return ScoreResult(
        app=app.name,
        version=plan.version,
        rows=source.rows,
        rejected=rejected,
        resumed=resumed,
        out=str(request.out),
        rejects=str(rejects),
        seconds={name: round(spent, 3) for name, spent in progress.times.items()},
    )


def _check_paths(request: ScoreRequest, rejects: Path) -> None:
    """Check the paths before anything is read. Raises `DataError`."""
    format_of(request.out)
    for option, path in (("--out", request.out), ("--rejects", rejects)):
        if path.is_dir():
            raise DataError(f"{option}: {path} is a folder; give a file name")
        if path == request.data:
            raise DataError(f"{option}: {path.name} is the file of questions; give another name")
        if not path.parent.is_dir():
            raise DataError(f"{option}: the folder {path.parent} does not exist; create it first")
    if rejects == request.out:
        raise DataError("--rejects: it is the same file as --out; give another name")


def _prepare(
    request: ScoreRequest, parts: Parts, progress: Progress
) -> tuple[App[Any, Any, Any], QuestionFile, Plan]:
    """Verify the version, scan the file, and begin a run or check that it resumes the one in the folder."""
    found = None if request.overwrite else parts.plan()
    wanted = request.version or (found.version if found is not None else 0)
    app, version = choose(request.app, Path(request.runtime.repository), wanted)
    with progress.step("verify"):
        manifest = asyncio.run(_verify(app, version, request.runtime))
    with progress.step("look"):
        source = _look(request, app, _question_columns(request.app, app, manifest), parts)
        schema(app.answer, source, request.keep, format_of(request.out))
    if source.left_out:
        progress.log(f"left out: {', '.join(source.left_out)}; --keep NAME copies a column to the output")
    plan = Plan(
        app=app.name,
        version=version,
        fingerprint=manifest.fingerprint,
        data=source.sha256,
        keep=request.keep,
        block_rows=request.block_rows,
        rows=source.rows,
    )
    if found is None:
        parts.begin(plan)
    elif found != plan:
        raise DataError(f"{parts.folder.name} holds a run with {_differing(found, plan)}; --overwrite starts over")
    return app, source, plan


def _look(
    request: ScoreRequest, app: App[Any, Any, Any], members: QuestionColumns | None, parts: Parts
) -> QuestionFile:
    """Scan the file, or what it is converted to. Raises `DataError`."""
    told = Notation.of(request.select)
    if members is not None:
        digest = as_parquet(request.data, parts.table, told)
    else:
        digest = as_questions(request.app, app.question, request.data, parts.table, told, request.keep)
    path, name = parts.table if digest else request.data, request.data.name
    try:
        source = read_question_file(path, app.question, request.keep, request.block_rows, members, name)
    except DataError:
        needs = why_no_question(request.app, app.question, request.data)
        if needs:
            raise DataError(f"{name}: {needs}") from None
        raise
    return msgspec.structs.replace(source, sha256=digest) if digest else source


def _differing(found: Plan, plan: Plan) -> str:
    """The first difference of two plans, in words."""
    words = {
        "app": f"the app {found.app}",
        "version": f"version {found.version}",
        "fingerprint": f"another build of version {found.version}",
        "data": "another data file",
        "keep": f"--keep {' --keep '.join(found.keep)}" if found.keep else "no --keep",
        "block_rows": f"--block-rows {found.block_rows}",
    }
    names = [name for name in words if getattr(found, name) != getattr(plan, name)]
    return words[names[0]] if names else "another release of Slipway"


async def _verify(app: App[Any, Any, Any], version: int, runtime: ModelRuntime) -> Manifest:
    """Load the version as a worker will, so that a bad one fails before Ray starts. Returns its manifest."""
    loaded = await open_version(app, version, runtime)
    await loaded.backend.close()
    return loaded.manifest


def _question_columns(package: str, app: App[Any, Any, Any], manifest: Manifest) -> QuestionColumns | None:
    """How a row of a training table is a question of the version; None when it is not one."""
    if not has_numbers_by_name(app.question):
        return None
    try:
        recipe = find_recipe.find(package)
    except find_recipe.RecipeError:
        return None
    return recipe.question_columns(decode_context(manifest, app.context))


def _job(request: ScoreRequest, source: QuestionFile, plan: Plan, parts: Parts, form: str) -> Job:
    return Job(
        app=request.app,
        version=plan.version,
        runtime=request.runtime,
        source=msgspec.structs.replace(source, blocks=()),
        keep=request.keep,
        form=form,
        parts=parts,
    )


def _score(request: ScoreRequest, job: Job, missing: Sequence[Block], done: int, progress: Progress) -> None:
    """Score the missing blocks, few of them in this process unless workers were asked for. Raises `ScoreError`."""
    if not missing:
        return
    if request.workers or sum(block.rows for block in missing) > ONE_PROCESS_ROWS:
        _distribute(request, job, missing, done, progress)
        return
    scorer = Scorer(job)
    try:
        rejected = 0
        for block in missing:
            rejected += scorer.score(block)
            done += block.rows
            progress.advance(done, job.source.rows, _rows_note(rejected))
    finally:
        scorer.close()


def _distribute(request: ScoreRequest, job: Job, missing: Sequence[Block], done: int, progress: Progress) -> None:
    """Distribute the missing blocks to workers with Ray Data. Raises `ScoreError`."""
    workers = min(request.workers or cpu_count(), len(missing))
    private_folder(request.home)
    # Ray logs an error for every actor pool of Ray Data, that an argument may be lost.
    level = {"RAY_BACKEND_LOG_LEVEL": os.environ.get("RAY_BACKEND_LOG_LEVEL", "fatal")}
    with environment(level), connected(workers, request.home):
        import ray.data
        from ray.exceptions import RayError

        context = ray.data.DataContext.get_current()
        context.enable_progress_bars = False
        logging.getLogger("ray.data").setLevel(logging.ERROR)
        items = [{"block": msgspec.json.encode(block)} for block in missing]
        dataset = ray.data.from_items(items, override_num_blocks=len(items)).map_batches(
            Scorer,
            batch_size=1,
            compute=ray.data.ActorPoolStrategy(size=workers),
            fn_constructor_args=(job,),
            num_cpus=1,
        )
        try:
            rejected = 0
            for row in dataset.iter_rows():
                done += row["rows"]
                rejected += row["rejected"]
                progress.advance(done, job.source.rows, _rows_note(rejected))
        except RayError as cause:
            raise ScoreError(_reason(cause)) from cause


def _rows_note(rejected: int) -> str:
    return f"rows, {rejected} rejected" if rejected else "rows"


def _reason(error: BaseException) -> str:
    """The message of the worker's own error, without Ray's traceback."""
    while error.__cause__ is not None and not isinstance(error, ScoreError):
        error = error.__cause__
    lines = str(error).strip().splitlines()
    return lines[-1] if lines else type(error).__name__
