"""`slipway restore`: bring back what `slipway backup` kept."""

from __future__ import annotations

from typing import Annotated

import typer

from control.console import note, print_json

__all__ = ["EPILOG", "restore"]

EPILOG = "Example:  SLIPWAY_HOME=/srv/new slipway restore s3://backups/monday"


def restore(
    source: Annotated[str, typer.Argument(help="Folder or s3://bucket/prefix of a backup.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False,
) -> None:
    """Bring a backup back into a new home folder; `slipway up` then starts the stack with it.

    Every file is checked before anything is changed. Databases that hold something are left alone: exit code 1.
    """
    from control.backup.archive import restore as bring_back
    from control.settings import StackSettings
    from serving.kernel.settings import read

    settings = read(StackSettings)
    found = bring_back(settings, source)
    if as_json:
        print_json({"source": source, "created": found.created, "files": len(found.files)})
    else:
        note(f"{settings.home} and {settings.model_repository} are as they were at {found.created}")
