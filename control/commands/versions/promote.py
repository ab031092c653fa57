"""`slipway promote`: say which version answers."""

from __future__ import annotations

import getpass
from typing import Annotated

import typer

from control.console import note, print_json, print_table

__all__ = ["EPILOG", "promote"]

EPILOG = "Example:  slipway promote price 2 --why 'trained on the 2021 season'"


def promote(
    app: Annotated[str, typer.Argument(help="Name of the app, such as price.")],
    version: Annotated[int, typer.Argument(min=1, help="The version that shall answer from now on.")],
    why: Annotated[str, typer.Option(help="Reason for the record.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Make a published version the champion: it answers when no version is asked for.

    The change and the version's gate report are appended to promotions.jsonl first. A running gateway follows in
    a second or so, without a restart; the previous champion stays loaded and can be asked for by number.
    """
    from control.commands.common import running_registry
    from control.settings import StackSettings
    from serving.kernel.settings import read
    from training.publish.promotion import promote as move
    from training.publish.repository import aliases

    settings = read(StackSettings)
    registry = running_registry(settings)
    if registry is None:
        note(
            "MLflow is not running and keeps the old aliases: give this command again when it is up, "
            "or `slipway repository sync` would take the change back"
        )
    before = aliases(settings.model_repository, app)
    after = move(registry, settings.model_repository, app, version, why, getpass.getuser())
    row = {"app": app, "champion": after.champion, "challenger": after.challenger, "was": before.champion}
    if as_json:
        print_json(row)
    else:
        print_table(list(row), [["" if value is None else str(value) for value in row.values()]])
