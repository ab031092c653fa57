"""The folder of an unfinished run: its plan, and the parts of the finished blocks.

    out.parquet.parts/plan.json        which file is scored by which version
                      table.parquet    the table, where scoring cannot read the file itself
                      00007.parquet    the answers of block 7
                      00007.jsonl      its rejections
                      00007.json       its `FinishedBlock`, written last: a block that has one is complete

Every file is written under a temporary name, synced and renamed. So a killed run leaves each block finished or not
begun.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import msgspec

from training.errors import DataError

__all__ = ["FinishedBlock", "Parts", "Plan", "written"]

PLAN = "plan.json"
TABLE = "table.parquet"
LOCK = "lock"


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """The facts in which a resumed run must match the run before it."""

    format: int = 1
    app: str
    version: int
    fingerprint: str
    """A digest of the version's files."""
    data: str
    """SHA-256 of the file of questions."""
    keep: tuple[str, ...]
    block_rows: int
    rows: int


class FinishedBlock(msgspec.Struct, frozen=True, kw_only=True):
    """The row counts and digests of a finished block."""

    block: int
    rows: int
    rejected: int
    sha256: str
    """The digest of the file of answers."""
    rejects_sha256: str


class Parts:
    """The folder of a run, beside its output."""

    def __init__(self, out: Path) -> None:
        self.folder = out.with_name(f"{out.name}.parts")

    @property
    def table(self) -> Path:
        """The path of the table that a file was converted to."""
        return self.folder / TABLE

    def answers(self, block: int) -> Path:
        """The path of a block's answers."""
        return self.folder / f"{block:05d}.parquet"

    def rejects(self, block: int) -> Path:
        """The path of a block's rejections."""
        return self.folder / f"{block:05d}.jsonl"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder's lock. The operating system releases it when the process ends, even when killed.

        Raises `DataError` when another run holds it, or when no run made the folder.
        """
        self._refuse_foreign()
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / LOCK).open("w") as stream:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise DataError(f"{self.folder.name}: another run is using it; wait until it ends") from None
            try:
                yield
            finally:
                self._leave()

    def plan(self) -> Plan | None:
        """The plan of the run to resume; None when there is none. Raises `DataError`."""
        try:
            return msgspec.json.decode((self.folder / PLAN).read_bytes(), type=Plan)
        except FileNotFoundError:
            return None
        except msgspec.MsgspecError as cause:
            raise DataError(f"{self.folder / PLAN}: {cause}; --overwrite starts over") from cause

    def begin(self, plan: Plan) -> None:
        """Remove the parts of an earlier run and write the plan."""
        for path in self.folder.iterdir():
            if path.name not in (LOCK, PLAN, TABLE):
                path.unlink()
        with written(self.folder / PLAN) as stream:
            stream.write(msgspec.json.encode(plan))

    def finish(self, block: int, rows: int, rejected: int) -> None:
        """Mark a block as finished, once its two files are written."""
        finished = FinishedBlock(
            block=block,
            rows=rows,
            rejected=rejected,
            sha256=_digest(self.answers(block)),
            rejects_sha256=_digest(self.rejects(block)),
        )
        with written(self._mark(block)) as stream:
            stream.write(msgspec.json.encode(finished))

    def finished(self, block: int) -> FinishedBlock | None:
        """The mark of a finished block; None when there is none or its digests differ from the files."""
        try:
            mark = msgspec.json.decode(self._mark(block).read_bytes(), type=FinishedBlock)
            found = (_digest(self.answers(block)), _digest(self.rejects(block)))
        except (OSError, msgspec.MsgspecError):
            return None
        return mark if found == (mark.sha256, mark.rejects_sha256) else None

    def remove(self) -> None:
        """Remove the folder. It is renamed first, so that a half-removed folder is never taken for a run."""
        gone = self.folder.with_name(f"{self.folder.name}.{os.getpid()}.gone")
        os.replace(self.folder, gone)
        shutil.rmtree(gone)

    def _mark(self, block: int) -> Path:
        return self.folder / f"{block:05d}.json"

    def _leave(self) -> None:
        """Remove the folder when no run began in it."""
        if self.folder.exists() and {path.name for path in self.folder.iterdir()} <= {LOCK, TABLE}:
            self.table.unlink(missing_ok=True)
            (self.folder / LOCK).unlink()
            self.folder.rmdir()

    def _refuse_foreign(self) -> None:
        """Raise `DataError` for a folder that no run made, so that its files are never removed."""
        if not self.folder.exists() or (self.folder / PLAN).is_file():
            return
        found = [path.name for path in self.folder.iterdir()] if self.folder.is_dir() else [self.folder.name]
        if any(name != LOCK and not name.startswith((PLAN, TABLE)) for name in found):
            raise DataError(f"{self.folder}: the run needs this path, but it is not the folder of a run; move it")


@contextmanager
def written(path: Path) -> Iterator[IO[bytes]]:
    """A stream that becomes the file `path` at the end of the block, and is dropped when the block fails."""
    temporary = path.with_name(f"{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        with temporary.open("wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
