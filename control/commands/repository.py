"""`slipway repository`: the model repository as a whole."""

from __future__ import annotations

from typing import Annotated

import typer

from control.console import print_json, print_table

__all__ = ["SYNC_EPILOG", "VERIFY_EPILOG", "sync", "verify"]

SYNC_EPILOG = "Examples:  slipway repository sync   |   slipway repository sync price --prune"
VERIFY_EPILOG = "Example:  slipway repository verify --json"

Only = Annotated[str, typer.Argument(help="Only this app.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


def sync(
    app: Only = "",
    prune: Annotated[bool, typer.Option("--prune", help="Remove versions that MLflow does not know.")] = False,
    as_json: AsJson = False,
) -> None:
    """Rebuild the model repository from MLflow: versions byte for byte, aliases and config.pbtxt."""
    from control.settings import StackSettings
    from control.stack.ensure import ensure
    from serving.settings import read
    from training.registry import Registry
    from training.sync import sync as rebuild

    settings = read(StackSettings)
    with ensure(settings, {"postgres", "mlflow"}) as state:
        changes = rebuild(Registry(state.mlflow_uri), settings.model_repository, [app] if app else (), prune)
    rows = [{"app": change.app, "version": change.version, "action": change.action} for change in changes]
    if as_json:
        print_json(rows)
    else:
        print_table(("app", "version", "action"), [[str(value) for value in row.values()] for row in rows])


def verify(app: Only = "", as_json: AsJson = False) -> None:
    """Check every published file against the digests in its manifest; exit code 1 if one differs."""
    from control.settings import StackSettings
    from serving.routing.repository import Refused, Repository
    from serving.settings import read

    repository = Repository(read(StackSettings).model_repository)
    root = repository.root
    apps = [app] if app else sorted(path.name for path in root.iterdir() if path.is_dir()) if root.is_dir() else []
    rows = []
    for name in apps:
        for version in repository.versions(name):
            try:
                problem = ""
                repository.verify(name, version)
            except Refused as refusal:
                problem = str(refusal)
            rows.append({"app": name, "version": version, "ok": not problem, "problem": problem})
    if as_json:
        print_json(rows)
    else:
        print_table(
            ("app", "version", "verdict"),
            [(str(row["app"]), str(row["version"]), str(row["problem"]) or "as published") for row in rows],
        )
    if not all(row["ok"] for row in rows):
        raise typer.Exit(1)
