"""One worker of a run: blocks to parts. Ray Data makes some of them and deals the blocks out."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy.typing as npt
import pyarrow.parquet as pq

from serving.kernel.app_values import load_values
from serving.kernel.call import Call
from serving.kernel.errors import Invalid, SlipwayError
from serving.models.loaded_version import LoadedVersion
from training.errors import ScoreError
from training.score.answers import schema, table
from training.score.parts import Parts, written
from training.score.rows import Reject, Rows, read_block, reject
from training.score.source import Block, Source
from training.score.version import Place, choose, open_version

__all__ = ["Job", "Scorer"]

Numbered = Sequence[tuple[int, Any]]
"""Questions with their row numbers."""

BATCH_SECONDS = 600.0
"""A batch that takes longer has hung."""
AT_ONCE = 1024
"""Most rows in memory, and in a row group of a part."""


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker has to know."""

    app: str
    version: int
    place: Place
    source: Source
    """Its blocks may be left out."""
    keep: tuple[str, ...]
    form: str
    """Format of the output."""
    parts: Parts


class Scorer:
    """Opens the version once, then scores block after block."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._app, _ = choose(job.app, Path(job.place.repository), job.version)
        self._schema = schema(self._app.answer, job.source, job.keep, job.form)
        self._loop = asyncio.Runner()
        self._loaded: LoadedVersion = self._loop.run(open_version(self._app, job.version, job.place))
        batching = load_values(self._app.folder).batching
        self._size = batching.max_rows
        self._at_once = min(AT_ONCE, batching.max_queue_rows)

    def __call__(self, batch: dict[str, npt.NDArray[Any]]) -> dict[str, list[int]]:
        """Score the blocks of a batch of Ray Data. Raises `ScoreError`; a block is done or as if never begun."""
        blocks = [msgspec.json.decode(raw, type=Block) for raw in batch["block"]]
        rejected = [self.score(block) for block in blocks]
        return {"rows": [block.rows for block in blocks], "rejected": rejected}

    def score(self, block: Block) -> int:
        """Write one block's part; gives the number of rejected rows."""
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
                f"block {block.number}: {rows} rows where there were {block.rows}; the file has changed"
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
        """Ask as a door does. Where a question is refused, ask halves: only bad rows stay without answer."""
        halves: list[Numbered] = []
        for chunk, found in zip(chunks, self._loop.run(self._ask(chunks)), strict=True):
            if isinstance(found, list):
                answers.update((row, answer) for (row, _), answer in zip(chunk, found, strict=True))
            elif not isinstance(found, SlipwayError):
                raise found
            elif not isinstance(found, Invalid):
                rows = f"rows {chunk[0][0]} to {chunk[-1][0]}"
                raise ScoreError(f"{rows}: {found.message}; the same command goes on there") from found
            elif len(chunk) == 1:
                refused.append(reject(chunk[0][0], Invalid(_below(found.field), found.reason)))
            else:
                middle = len(chunk) // 2
                halves += [chunk[:middle], chunk[middle:]]
        if halves:
            self._answer(halves, answers, refused)

    async def _ask(self, chunks: Sequence[Numbered]) -> list[list[Any] | BaseException]:
        """Each chunk's answers, or why it has none; the model runs one while the features of the next are made."""
        call = Call("score", time.monotonic() + BATCH_SECONDS)
        submit, work = self._loaded.backend.submit, self._loaded.questions
        asked = [submit(work, [question for _, question in chunk], call) for chunk in chunks]
        answers: list[list[Any] | BaseException] = await asyncio.gather(*asked, return_exceptions=True)
        return answers


def _below(field: str) -> str:
    """`[0].market`, of a list of one question, as a path of that question."""
    return f"${field.removeprefix('[0]')}" if field else ""
