"""The folder of a run that is not finished: its plan, and a part for each block that is done.

    out.parquet.parts/plan.json        what is being scored with what
                      00007.parquet    the answers of block 7
                      00007.jsonl      its rejections
                      00007.json       the record: written last, so a block with a record is whole

Every file is written under another name, synced and renamed: whatever is killed, whenever, leaves blocks that are
done and blocks that are not.
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

__all__ = ["Part", "Parts", "Plan", "written"]

PLAN = "plan.json"
LOCK = "lock"


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What makes two runs the same run."""

    format: int = 1
    app: str
    version: int
    fingerprint: str
    """Of the version's files."""
    data: str
    """SHA-256 of the file of questions."""
    keep: tuple[str, ...]
    block_rows: int
    rows: int


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """The record of a block that is done."""

    block: int
    rows: int
    rejected: int
    sha256: str
    """Of the answers' file."""
    rejects_sha256: str


class Parts:
    """A run's folder beside its output."""

    def __init__(self, out: Path) -> None:
        self.folder = out.with_name(f"{out.name}.parts")

    def answers(self, block: int) -> Path:
        """Where a block's answers are."""
        return self.folder / f"{block:05d}.parquet"

    def rejects(self, block: int) -> Path:
        """Where a block's rejections are."""
        return self.folder / f"{block:05d}.jsonl"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Be the only run that works in the folder. The system ends the lock with the process, however that ends.

        Raises `DataError` where another run has it, or the folder is not one of ours.
        """
        self._refuse_foreign()
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / LOCK).open("w") as stream:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise DataError(f"{self.folder.name}: another run is writing there; wait for it") from None
            try:
                yield
            finally:
                self._leave()

    def plan(self) -> Plan | None:
        """The plan of the run that was begun here, if one was. Raises `DataError`."""
        try:
            return msgspec.json.decode((self.folder / PLAN).read_bytes(), type=Plan)
        except FileNotFoundError:
            return None
        except msgspec.MsgspecError as cause:
            raise DataError(f"{self.folder / PLAN}: {cause}; --overwrite starts again") from cause

    def begin(self, plan: Plan) -> None:
        """Forget what is there and begin."""
        for path in self.folder.iterdir():
            if path.name not in (LOCK, PLAN):
                path.unlink()
        with written(self.folder / PLAN) as stream:
            stream.write(msgspec.json.encode(plan))

    def finish(self, block: int, rows: int, rejected: int) -> None:
        """Record a block whose two files are there."""
        part = Part(
            block=block,
            rows=rows,
            rejected=rejected,
            sha256=_digest(self.answers(block)),
            rejects_sha256=_digest(self.rejects(block)),
        )
        with written(self._record(block)) as stream:
            stream.write(msgspec.json.encode(part))

    def part(self, block: int) -> Part | None:
        """The record of a block; None unless its files are those it was made for."""
        try:
            part = msgspec.json.decode(self._record(block).read_bytes(), type=Part)
            found = (_digest(self.answers(block)), _digest(self.rejects(block)))
        except (OSError, msgspec.MsgspecError):
            return None
        return part if found == (part.sha256, part.rejects_sha256) else None

    def remove(self) -> None:
        """Take the folder away. It gets another name first: half a folder is never taken for a run."""
        gone = self.folder.with_name(f"{self.folder.name}.{os.getpid()}.gone")
        os.replace(self.folder, gone)
        shutil.rmtree(gone)

    def _record(self, block: int) -> Path:
        return self.folder / f"{block:05d}.json"

    def _leave(self) -> None:
        """Take the folder away again where nothing was begun."""
        if self.folder.exists() and [path.name for path in self.folder.iterdir()] == [LOCK]:
            (self.folder / LOCK).unlink()
            self.folder.rmdir()

    def _refuse_foreign(self) -> None:
        """Nothing that a run did not write is ever removed."""
        if not self.folder.exists() or (self.folder / PLAN).is_file():
            return
        found = [path.name for path in self.folder.iterdir()] if self.folder.is_dir() else [self.folder.name]
        if any(name != LOCK and not name.startswith(PLAN) for name in found):
            raise DataError(f"{self.folder}: it is in the way of this run and no run made it; move it")


@contextmanager
def written(path: Path) -> Iterator[IO[bytes]]:
    """A stream that becomes the file `path`, whole, at the end of the block; not at all if the block fails."""
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
