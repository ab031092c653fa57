"""Errors of the offline pipeline. Each message says what to do next. `exit_code` is that of the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from serving.kernel.storage.version_manifest import Check, Metric

__all__ = [
    "BadValue",
    "DataError",
    "GateRefused",
    "RayUnavailable",
    "RegistryError",
    "ScoreError",
    "StorageError",
    "TrainingError",
    "TuneError",
]


class TrainingError(Exception):
    """The root of all errors of the offline pipeline."""

    exit_code: ClassVar[int] = 1


class DataError(TrainingError):
    """The data does not fit the recipe. The message names file, row, column and value."""

    exit_code = 2


class BadValue(DataError):
    """A cell of the loaded table is invalid. `row` is its index label; the pipeline adds the file and its row."""

    def __init__(self, row: int, column: str, found: object, wanted: str) -> None:
        super().__init__(f"row {row}, column {column!r}: found {found!r}; expected {wanted}")
        self.row = row
        self.found = found
        self.cell = f"column {column!r}: found {found!r}; expected {wanted}"


class GateRefused(TrainingError):
    """The version did not pass its gate. Its run stays in the registry with the reason.

    `metrics` are those of the evaluation; there are none if the gate came before it.
    """

    exit_code = 3

    def __init__(self, checks: tuple[Check, ...], run_id: str = "") -> None:
        failed = [check for check in checks if not check.passed]
        super().__init__("; ".join(f"{check.name}: {check.reason or check.measured}" for check in failed))
        self.checks = checks
        self.run_id = run_id
        self.metrics: tuple[Metric, ...] = ()


class RegistryError(TrainingError):
    """The registry could not be reached, or an operation failed."""

    exit_code = 4


class RayUnavailable(TrainingError):
    """Ray could not be started or reached."""

    exit_code = 5


class ScoreError(TrainingError):
    """A file could not be scored completely. The finished blocks are kept."""


class StorageError(TrainingError):
    """A folder or bucket could not be reached, read or written. The message never contains credentials."""

    exit_code = 6


class TuneError(TrainingError):
    """A search for parameters failed or is not possible. Its finished trials are kept for the next attempt."""
