"""Read the user's file and plan the app for it."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from control.errors import NewAppError
from control.new.from_file.kinds import Kind, Model
from control.new.from_file.plan import Plan, plan
from training.data.notation import Notation
from training.data.read import from_files
from training.data.storage import local_copies
from training.errors import DataError

__all__ = ["planned"]

UNTOLD = Notation()


def planned(
    source: str,
    label: str,
    kind: Kind | None,
    model: Model | None,
    told: Notation = UNTOLD,
    allowed: Collection[str] = (),
) -> tuple[Plan, tuple[str, ...]]:
    """The plan for a file, local or s3://..., and sentences on how its numbers and dates were read.

    `told` says how they are written; `allowed` columns may look as if they gave the label away. Raises
    `NewAppError` for a file that cannot be read, or that no app fits.
    """
    try:
        with local_copies([Path(source) if "://" not in source else source]) as paths:
            dataset = from_files(paths, told=told)
    except DataError as cause:
        raise NewAppError(str(cause).replace("--data", "--from")) from cause
    return plan(dataset.frame, dataset.source, label, kind, model, allowed), dataset.notes
