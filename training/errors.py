"""Errors of the offline pipeline. Each says what to do next; `exit_code` is what the command line ends with."""

from __future__ import annotations

from typing import ClassVar

from serving.kernel.storage.version_manifest import Check

__all__ = [
    "BadValue",
    "BucketError",
    "ClusterError",
    "DataError",
    "GateRefused",
    "RegistryError",
    "ScoreError",
    "TrainingError",
    "TuneError",
]


class TrainingError(Exception):
    """Root of what may go wrong while training."""

    exit_code: ClassVar[int] = 1


class DataError(TrainingError):
    """The data is not what the recipe needs; the message names file, row, column and value."""

    exit_code = 2


class BadValue(DataError):
    """A cell of the loaded table cannot be used. `row` is its index label; the pipeline names file and line."""

    def __init__(self, row: int, column: str, found: object, wanted: str) -> None:
        super().__init__(f"row {row}, column {column!r}: found {found!r}; expected {wanted}")
        self.row = row
        self.cell = f"column {column!r}: found {found!r}; expected {wanted}"


class GateRefused(TrainingError):
    """The version did not pass its gate; its run stays in the registry with this reason."""

    exit_code = 3

    def __init__(self, checks: tuple[Check, ...], run_id: str = "") -> None:
        failed = [check for check in checks if not check.passed]
        super().__init__("; ".join(f"{check.name}: {check.reason or check.measured}" for check in failed))
        self.checks = checks
        self.run_id = run_id


class RegistryError(TrainingError):
    """The registry could not be reached or did not do as asked."""

    exit_code = 4


class ClusterError(TrainingError):
    """Ray could not be started or reached."""

    exit_code = 5


class ScoreError(TrainingError):
    """A file could not be scored to its end; the blocks that are done stay done."""


class BucketError(TrainingError):
    """A folder or bucket could not be reached, read or written; the message never holds credentials."""

    exit_code = 6


class TuneError(TrainingError):
    """A search for parameters found none, or cannot be done; what it has finished stays for the next time."""
