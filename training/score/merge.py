"""Merge parts into the output: the answers in the order of the rows, and the rejections."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import msgspec
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from training.errors import ScoreError
from training.score.parts import Parts, written

__all__ = ["merge"]

AT_ONCE = 8192
"""Rows in memory."""
GROUP_ROWS = 64 * 1024


def merge(parts: Parts, blocks: int, rows: int, columns: pa.Schema, form: str, out: Path, rejects: Path) -> int:
    """Write the rejections, then the answers; returns the number of rejected rows.

    Each file appears whole or not at all. Raises `ScoreError` unless there is one row of output per row of input.
    """
    rejected = 0
    with written(rejects) as stream:
        for block in range(blocks):
            with parts.rejects(block).open("rb") as part:
                for line in part:
                    stream.write(line)
                    rejected += 1
    count = 0
    with written(out) as stream, _writer(stream, columns, form) as write:
        for batch in _batches(parts, blocks):
            write(batch)
            count += batch.num_rows
        if count != rows:
            raise ScoreError(f"{count} rows of output for {rows} rows of input; --overwrite starts over")
    return rejected


def _batches(parts: Parts, blocks: int) -> Iterator[pa.RecordBatch]:
    for block in range(blocks):
        with pq.ParquetFile(parts.answers(block)) as file:
            yield from file.iter_batches(AT_ONCE, use_threads=False)


@contextmanager
def _writer(stream: IO[bytes], columns: pa.Schema, form: str) -> Iterator[Any]:
    """A function that appends a batch to the output."""
    if form == "jsonl":
        yield lambda batch: stream.writelines(msgspec.json.encode(row) + b"\n" for row in batch.to_pylist())
    elif form == "csv":
        with pyarrow.csv.CSVWriter(stream, columns) as writer:
            yield writer.write_batch
    else:
        with pq.ParquetWriter(stream, columns, compression="zstd") as writer:
            held: list[pa.RecordBatch] = []

            def flush() -> None:
                if held:
                    writer.write_table(pa.Table.from_batches(held, columns))
                    held.clear()

            def append(batch: pa.RecordBatch) -> None:
                held.append(batch)
                if sum(one.num_rows for one in held) >= GROUP_ROWS:
                    flush()

            yield append
            flush()
