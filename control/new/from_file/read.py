"""Read the user's file and plan the app for it."""

from __future__ import annotations

from pathlib import Path

from control.new.from_file.kinds import Kind, Model
from control.new.from_file.plan import Plan, plan
from training.data.read import from_files
from training.data.storage import local_copies

__all__ = ["planned"]


def planned(source: str, label: str, kind: Kind | None, model: Model | None) -> Plan:
    """The plan for a file, local or s3://...

    Raises `DataError` for a file that cannot be read, and `NewAppError` for one that no app can be made from.
    """
    with local_copies([Path(source) if "://" not in source else source]) as paths:
        dataset = from_files(paths)
    return plan(dataset.frame, dataset.source, label, kind, model)
