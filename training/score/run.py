"""`slipway score`: choose and verify a version, look through the file, score what is missing, merge."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

from serving.kernel.app import App
from serving.kernel.cpu_quota import cpu_count
from training.errors import DataError, ScoreError
from training.fit.ray_session import connected
from training.progress import Progress, Silent
from training.score.answers import schema
from training.score.merge import merge
from training.score.parts import Parts, Plan
from training.score.source import BLOCK_ROWS, Block, Source, format_of, read_source
from training.score.version import Place, choose, open_version
from training.score.worker import Job, Scorer

__all__ = ["ScoreRequest", "ScoreResult", "score"]


@dataclass(frozen=True, kw_only=True)
class ScoreRequest:
    """What is asked of a run."""

    app: str
    data: Path
    out: Path
    home: Path
    """Where a private Ray keeps its files."""
    place: Place
    version: int = 0
    """0: the champion; where a run is resumed, the version it began with."""
    rejects: Path | None = None
    """Default: the output's name with `.rejects.jsonl` in the place of its ending."""
    keep: tuple[str, ...] = ()
    workers: int = 0
    """0: one for each core."""
    block_rows: int = BLOCK_ROWS
    overwrite: bool = False


class ScoreResult(msgspec.Struct, frozen=True, kw_only=True):
    """What a run did."""

    app: str
    version: int
    rows: int
    rejected: int
    resumed: int
    """Rows that an earlier run had done."""
    out: str
    rejects: str
    seconds: dict[str, float]


def score(request: ScoreRequest, progress: Progress | None = None) -> ScoreResult:
    """Score a file, or go on where a run that was stopped or killed had come to.

    Raises `DataError` for a file, version or option that does not fit, `ScoreError` when it cannot be finished;
    what is done by then stays done.
    """
    progress = progress or Silent()
    request = replace(request, data=request.data.resolve(), out=request.out.resolve())
    rejects = (request.rejects or request.out.with_suffix(".rejects.jsonl")).resolve()
    _check_paths(request, rejects)
    parts = Parts(request.out)
    begun = parts.folder.exists() and not request.overwrite
    there = [path for path in (request.out, rejects) if path.exists()]
    if there and not begun and not request.overwrite:
        raise DataError(f"{there[0]} is there already; --overwrite replaces it")
    choose(request.app, Path(request.place.repository), request.version)
    with parts.locked():
        app, source, plan = _prepare(request, parts, progress)
        done = {block.number: block.rows for block in source.blocks if parts.part(block.number) is not None}
        resumed = sum(done.values())
        if resumed:
            progress.log(f"{resumed} of {source.rows} rows were done before, by version {plan.version}")
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
    """Raise `DataError` before anything is read."""
    format_of(request.out)
    for option, path in (("--out", request.out), ("--rejects", rejects)):
        if path.is_dir():
            raise DataError(f"{option}: {path} is a folder; give the name of a file")
        if path == request.data:
            raise DataError(f"{option}: {path.name} is the file of questions itself; give another name")
        if not path.parent.is_dir():
            raise DataError(f"{option}: there is no folder {path.parent}; make it first")
    if rejects == request.out:
        raise DataError("--rejects: the same file as --out; give another name")


def _prepare(request: ScoreRequest, parts: Parts, progress: Progress) -> tuple[App[Any, Any, Any], Source, Plan]:
    """The version verified, the file looked through, and the plan: the one found, or a new one."""
    found = None if request.overwrite else parts.plan()
    wanted = request.version or (found.version if found is not None else 0)
    app, version = choose(request.app, Path(request.place.repository), wanted)
    with progress.step("verify"):
        fingerprint = asyncio.run(_verify(app, version, request.place))
    with progress.step("look"):
        source = read_source(request.data, app.question, request.keep, request.block_rows)
        schema(app.answer, source, request.keep, format_of(request.out))
    plan = Plan(
        app=app.name,
        version=version,
        fingerprint=fingerprint,
        data=source.sha256,
        keep=request.keep,
        block_rows=request.block_rows,
        rows=source.rows,
    )
    if found is None:
        parts.begin(plan)
    elif found != plan:
        raise DataError(f"{parts.folder.name} has a run of {_differing(found, plan)}; --overwrite starts again")
    return app, source, plan


def _differing(found: Plan, plan: Plan) -> str:
    """The first difference in words."""
    words = {
        "app": f"the app {found.app}",
        "version": f"version {found.version}",
        "fingerprint": f"a version {found.version} with other files",
        "data": "a file with other content",
        "keep": f"--keep {' --keep '.join(found.keep)}" if found.keep else "no --keep",
        "block_rows": f"--block-rows {found.block_rows}",
    }
    names = [name for name in words if getattr(found, name) != getattr(plan, name)]
    return words[names[0]] if names else "another Slipway"


async def _verify(app: App[Any, Any, Any], version: int, place: Place) -> str:
    """Load the version as every worker will; gives its fingerprint. A bad one is refused before Ray is started."""
    loaded = await open_version(app, version, place)
    await loaded.backend.close()
    return loaded.manifest.fingerprint


def _job(request: ScoreRequest, source: Source, plan: Plan, parts: Parts, form: str) -> Job:
    return Job(
        app=request.app,
        version=plan.version,
        place=request.place,
        source=msgspec.structs.replace(source, blocks=()),
        keep=request.keep,
        form=form,
        parts=parts,
    )


def _score(request: ScoreRequest, job: Job, missing: Sequence[Block], done: int, progress: Progress) -> None:
    """Let Ray Data deal the missing blocks out to workers. Raises `ScoreError`."""
    if not missing:
        return
    workers = min(request.workers or cpu_count(), len(missing))
    request.home.mkdir(parents=True, exist_ok=True)
    # Of every pool of actors Ray Data makes, Ray says that an argument may be lost, as an error.
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    with connected(workers, request.home):
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
                progress.advance(done, job.source.rows, f"rows, {rejected} rejected" if rejected else "rows")
        except RayError as cause:
            raise ScoreError(_reason(cause)) from cause


def _reason(error: BaseException) -> str:
    """What a worker said, without the frames of Ray around it."""
    while error.__cause__ is not None and not isinstance(error, ScoreError):
        error = error.__cause__
    lines = str(error).strip().splitlines()
    return lines[-1] if lines else type(error).__name__
