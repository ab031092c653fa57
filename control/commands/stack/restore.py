"""`slipway restore`: restore a backup of `slipway backup`."""

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
    """Restore a backup into a new home folder. `slipway up` then starts the stack with it.

    The command checks every file before it changes anything. It refuses to write to a database that is not empty;
    the exit code is then 1.
    """
    from control.backup.archive import restore as read_back
    from control.settings import StackSettings
    from serving.kernel.settings import read

    settings = read(StackSettings)
    found = read_back(settings, source)
    if as_json:
        print_json({"source": source, "created": found.created, "files": len(found.files)})
    else:
        note(f"{settings.home} and {settings.model_repository} are restored from the backup of {found.created}")
