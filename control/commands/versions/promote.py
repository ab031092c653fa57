"""`slipway promote`: make a version the champion."""

from __future__ import annotations

import getpass
from typing import Annotated

import typer

from control.console import note, print_json, print_table

__all__ = ["EPILOG", "promote"]

EPILOG = "Example:  slipway promote price 2 --why 'trained on the 2021 season'"


def promote(
    app: Annotated[str, typer.Argument(help="Name of the app, such as price.")],
    version: Annotated[int, typer.Argument(min=1, help="The version that becomes champion.")],
    why: Annotated[str, typer.Option(help="Reason, which is written to promotions.jsonl.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Make a published version the champion, which answers requests that name no version.

    The command first appends the change and the version's gate report to promotions.jsonl. A running gateway
    follows within about a second, without a restart. The previous champion stays loaded, and requests can name it.
    """
    from control.commands.common import note_unjudged, plain_name, running_registry
    from control.settings import StackSettings
    from serving.kernel.settings import read
    from training.publish.promotion import promote as move
    from training.publish.repository import aliases

    settings, app = read(StackSettings), plain_name(app)
    registry = running_registry(settings)
    if registry is None:
        note(
            "MLflow is not running and keeps the old aliases: repeat this command when it is running, "
            "or `slipway repository sync` will undo the change"
        )
    before = aliases(settings.model_repository, app)
    after = move(registry, settings.model_repository, app, version, why, getpass.getuser())
    row = {"app": app, "champion": after.champion, "challenger": after.challenger, "was": before.champion}
    if as_json:
        print_json(row)
    else:
        print_table(list(row), [["" if value is None else str(value) for value in row.values()]])
        note_unjudged(settings.model_repository, app, version)
