"""`slipway backup`: back up the data of the local stack."""

from __future__ import annotations

from typing import Annotated

import typer

from control.console import note, print_json

__all__ = ["EPILOG", "backup"]

EPILOG = "Examples:  slipway backup /mnt/backups/monday   |   slipway backup s3://backups/monday"


def backup(
    target: Annotated[str, typer.Argument(help="Empty folder or s3://bucket/prefix.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False,
) -> None:
    """Back up MLflow's database and artifacts, the collections and the model repository.

    The stack may be running. `slipway restore` restores the backup.
    """
    from control.backup.archive import backup as write
    from control.settings import StackSettings
    from serving.kernel.settings import read

    made = write(read(StackSettings), target)
    size = sum(file.bytes for file in made.files.values())
    if as_json:
        print_json({"target": target, "created": made.created, "files": len(made.files), "bytes": size})
    else:
        note(f"{target}: {len(made.files)} files, {size / 1e6:.1f} MB, and the model repository")
