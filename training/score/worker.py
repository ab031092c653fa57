"""One worker of a run: it turns blocks into parts. Ray Data starts the workers and distributes the blocks."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy.typing as npt
import pyarrow.parquet as pq

from serving.kernel.app_values import batching_of
from serving.kernel.call import Call
from serving.kernel.errors import Invalid, SlipwayError
from serving.models.loaded_version import LoadedVersion
from training.errors import ScoreError
from training.score.answers import schema, table
from training.score.parts import Parts, written
from training.score.question_file import Block, QuestionFile
from training.score.rows import Reject, Rows, read_block, reject
from training.score.version import ModelRuntime, choose, open_version

__all__ = ["Job", "Scorer"]

Numbered = Sequence[tuple[int, Any]]
"""Row numbers and questions."""

BATCH_SECONDS = 600.0
"""The deadline of a batch; one that takes longer hangs."""
AT_ONCE = 1024
"""Most rows in memory, and in one row group of a part."""


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker needs to know."""

    app: str
    version: int
    runtime: ModelRuntime
    source: QuestionFile
    """The file; its blocks may be left out."""
    keep: tuple[str, ...]
    form: str
    """The format of the output."""
    parts: Parts


class Scorer:
    """Opens the version once, then scores one block after the other."""

    def __init__(self, job: Job) -> None:
        self._job = job
        app, _ = choose(job.app, Path(job.runtime.repository), job.version)
        self._loop = asyncio.Runner()
        self._loaded: LoadedVersion = self._loop.run(open_version(app, job.version, job.runtime))
        # Of an added model, loading makes types of its own.
        self._app = self._loaded.app
        self._schema = schema(self._app.answer, job.source, job.keep, job.form)
        batching = batching_of(self._app)
        self._size = batching.max_rows
        self._at_once = min(AT_ONCE, batching.max_queue_rows)

    def __call__(self, batch: dict[str, npt.NDArray[Any]]) -> dict[str, list[int]]:
        """Score the blocks of a Ray Data batch. Raises `ScoreError`; a block that fails leaves no part."""
        blocks = [msgspec.json.decode(raw, type=Block) for raw in batch["block"]]
        rejected = [self.score(block) for block in blocks]
        return {"rows": [block.rows for block in blocks], "rejected": rejected}

    def score(self, block: Block) -> int:
        """Score one block and write its part; returns the number of rejected rows."""
        parts, job = self._job.parts, self._job
        rows = rejected = 0
        with written(parts.rejects(block.number)) as rejects, written(parts.answers(block.number)) as answers:
            with pq.ParquetWriter(answers, self._schema, compression="zstd") as writer:
                for found in read_block(job.source, block, self._app.question, job.keep, self._at_once):
                    refused = self._write(writer, found)
                    rejects.writelines(msgspec.json.encode(one) + b"\n" for one in refused)
                    rows += found.count
                    rejected += len(refused)
        if rows != block.rows:
            raise ScoreError(
                f"block {block.number}: {rows} rows instead of {block.rows}; the file has changed: "
                "--overwrite starts over"
            )
        parts.finish(block.number, rows, rejected)
        return rejected

    def close(self) -> None:
        """Release the model."""
        self._loop.run(self._loaded.backend.close())
        self._loop.close()

    def _write(self, writer: pq.ParquetWriter, rows: Rows) -> list[Reject]:
        answers: dict[int, Any] = {}
        refused = list(rows.rejects)
        numbered = list(rows.questions.items())
        chunks = [numbered[start : start + self._size] for start in range(0, len(numbered), self._size)]
        self._answer(chunks, answers, refused)
        version = self._job.version
        writer.write_table(
            table(self._schema, self._app.answer, rows.first, rows.count, answers, rows.kept, version)
        )
        return sorted(refused, key=lambda one: one.row)

    def _answer(self, chunks: Sequence[Numbered], answers: dict[int, Any], refused: list[Reject]) -> None:
        """Ask the version. A chunk with an invalid question is halved until only that row is rejected."""
        halves: list[Numbered] = []
        for chunk, found in zip(chunks, self._loop.run(self._ask(chunks)), strict=True):
            if isinstance(found, list):
                answers.update((row, answer) for (row, _), answer in zip(chunk, found, strict=True))
            elif not isinstance(found, SlipwayError):
                raise found
            elif not isinstance(found, Invalid):
                rows = f"rows {chunk[0][0]} to {chunk[-1][0]}"
                raise ScoreError(f"{rows}: {found.message}; the same command resumes there") from found
            elif len(chunk) == 1:
                refused.append(reject(chunk[0][0], Invalid(_below(found.field), found.reason)))
            else:
                middle = len(chunk) // 2
                halves += [chunk[:middle], chunk[middle:]]
        if halves:
            self._answer(halves, answers, refused)

    async def _ask(self, chunks: Sequence[Numbered]) -> list[list[Any] | BaseException]:
        """The answers or error of each chunk. The model runs a chunk while the next one's features are made."""
        call = Call("score", time.monotonic() + BATCH_SECONDS)
        submit, work = self._loaded.backend.submit, self._loaded.questions
        asked = [submit(work, [question for _, question in chunk], call) for chunk in chunks]
        answers: list[list[Any] | BaseException] = await asyncio.gather(*asked, return_exceptions=True)
        return answers


def _below(field: str) -> str:
    """The path `[0].market` in a list of one question as a path in that question, `$.market`."""
    return f"${field.removeprefix('[0]')}" if field else ""
