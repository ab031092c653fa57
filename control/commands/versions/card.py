"""`slipway card`: write the figures of a version into an app's model card."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from control.commands.common import running_registry
from control.console import note
from control.settings import StackSettings

if TYPE_CHECKING:
    from serving.kernel.storage.version_manifest import Manifest

__all__ = ["EPILOG", "card"]

EPILOG = "Examples:  slipway card price   |   slipway card price 3 --name onion   |   slipway card price --check"


def card(
    app: Annotated[str, typer.Argument(help="Name of the app, such as price.")],
    version: Annotated[int, typer.Argument(min=0, help="Use the figures of this version; 0: the champion.")] = 0,
    check: Annotated[
        bool, typer.Option("--check", help="Change nothing; exit code 1 when the card is not up to date.")
    ] = False,
    name: Annotated[str, typer.Option(help="Name of the block. Default: the name of the version's data.")] = "",
    force: Annotated[
        bool, typer.Option("--force", help="Add a synthetic version's figures beside those of real data.")
    ] = False,
) -> None:
    """Write a version's figures into the app's model card, README.md: metrics, gate, parity, origin, plots.

    The command changes only the block of the version's data, between its markers. If there is no such block, it
    adds one below the heading of the metrics. Hand-written text stays as it is. Plots come from MLflow if it is
    running. With --check, and if the app has no version, the command checks only the markers.
    """
    from control.cards import write
    from serving.kernel.settings import read
    from training.find_recipe import find
    from training.publish import repository
    from training.score.version import choose

    settings = read(StackSettings)
    _refuse_added(settings.model_repository, app)
    found = find(app).app
    app, folder = found.name, found.folder
    write.read(folder)
    if check and not version and not repository.versions(settings.model_repository, app):
        note(f"{app} has no version; the markers of the card are correct")
        return
    _, number = choose(found.qualified_name, settings.model_repository, version)
    manifest = repository.manifest(settings.model_repository, app, number)
    if check:
        reason = write.stale(folder, manifest, name)
        todo = f"; `slipway card {app} {number}` writes them" if reason else ""
        note(f"{folder / write.CARD}: {reason or 'up to date'}{todo}")
        raise typer.Exit(1 if reason else 0)
    with _plots(settings, manifest) as plots:
        done = write.update(folder, manifest, plots, name, force)
    what = "figures written" if done.changed else "already up to date"
    note(f"{done.path}: {what} ({done.name}, version {number}, {len(done.pictures)} pictures)")


def _refuse_added(repository: Path, app: str) -> None:
    """Raise `CardError` for an added model, whose card is written with each version."""
    from control.cards.write import CARD
    from control.errors import CardError
    from serving.kernel.added.find import find_added

    if find_added(repository, app) is not None:
        raise CardError(f"`slipway add` writes the card of {app} with each version: {repository / app / CARD}")


@contextmanager
def _plots(settings: StackSettings, manifest: Manifest) -> Iterator[Path | None]:
    """Fetch the run's plots into a folder for the duration of the block; None, and a note, if that fails."""
    from training.errors import RegistryError

    registry = running_registry(settings)
    with tempfile.TemporaryDirectory(prefix="slipway-card-") as folder:
        found = None
        if registry is None:
            note("MLflow is not running: the card keeps its pictures")
        else:
            try:
                found = registry.fetch(manifest.run_id, "plots", Path(folder))
            except RegistryError as error:
                note(f"the card keeps its pictures: {error}")
        yield found
