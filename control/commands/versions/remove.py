"""`slipway remove`: remove a model that was added from a file."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from control.console import note, print_json, print_table

if TYPE_CHECKING:
    from control.settings import StackSettings

__all__ = ["EPILOG", "remove"]

EPILOG = "Examples:  slipway remove churn   |   slipway remove churn --version 2   |   slipway remove churn --yes"


def remove(
    name: Annotated[str, typer.Argument(help="Name of the model.")],
    version: Annotated[
        int | None, typer.Option(min=1, help="Remove only this version. Default: the whole model.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Remove a model that `slipway add` has added, or one version of it.

    The versions go from MLflow's registry and from the model repository, and from the bucket of
    SLIPWAY_REPOSITORY_URL. A running gateway drops them within about a second. Their runs stay in MLflow, with
    their files and the tag slipway.removed.

    The champion can be removed only with the whole model, or after `slipway promote` of another version. Apps
    cannot be removed.
    """
    from control.settings import StackSettings
    from serving.kernel.settings import read
    from training.publish.removal import check_removable

    settings = read(StackSettings)
    numbers = check_removable(settings.model_repository, name, version)
    _confirm(name, numbers, version, yes)
    removed, parts = _remove(settings, name, version)
    if as_json:
        print_json({"model": name, "removed": removed, "parts": parts})
    else:
        print_table(("model", "version", "action"), [(name, str(number), "removed") for number in removed])
        if parts:
            note(f"Models that only it used are removed, too: {', '.join(parts)}.")


def _confirm(name: str, numbers: list[int], version: int | None, yes: bool) -> None:
    """Ask. Raises `typer.Abort` if the answer is no, and `typer.BadParameter` if nobody can answer."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise typer.BadParameter("there is no terminal to ask at: give --yes", param_hint="--yes")
    shown = f"version {version}" if version is not None else f"versions {', '.join(map(str, numbers))}"
    typer.confirm(f"Remove {name}, {shown}?", abort=True, err=True)


def _remove(settings: StackSettings, name: str, version: int | None) -> tuple[list[int], list[str]]:
    """Remove with the registry that is given or that runs; otherwise it is started for this.

    Returns the versions, and the models that only this one used.
    """
    from control.stack.temporary_stack import ensure
    from training.publish.parts import parts_of_model
    from training.publish.removal import remove_model, remove_version
    from training.publish.repository_copy import remove_copies
    from training.registry.mlflow_registry import Registry

    def run(uri: str) -> list[int]:
        registry, root = Registry(uri), settings.model_repository
        if version is None:
            return remove_model(registry, root, name)
        return remove_version(registry, root, name, version)

    used = parts_of_model(settings.model_repository, name)
    given = os.environ.get("MLFLOW_TRACKING_URI", "")
    if given:
        removed = run(given)
    else:
        with ensure(settings, {"postgres", "mlflow"}) as state:
            os.environ.update(state.environment())
            removed = run(state.mlflow_uri)
    parts = sorted(part for part in used if not (settings.model_repository / part).exists())
    if settings.repository_url:
        remove_copies(settings.repository_url, name, removed)
        for part in parts:
            remove_copies(settings.repository_url, part)
        note(f"They are removed from {settings.repository_url}, too.")
    return removed, parts
