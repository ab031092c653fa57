"""`slipway repository`: copy and verify the whole model repository."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from control.commands.common import plain_name
from control.console import fail, note, print_json, print_table

if TYPE_CHECKING:
    from training.publish.repository import Change

__all__ = ["SYNC_EPILOG", "VERIFY_EPILOG", "sync", "verify"]

SYNC_EPILOG = (
    "Examples:  slipway repository sync   |   slipway repository sync price --prune   |   "
    "slipway repository sync model-repository s3://models/production"
)
VERIFY_EPILOG = "Example:  slipway repository verify --json"

Only = Annotated[str, typer.Argument(help="Only this app.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


def sync(
    source: Annotated[
        str, typer.Argument(help="Folder or s3://bucket/prefix to copy from; without TARGET, only this app.")
    ] = "",
    target: Annotated[str, typer.Argument(help="Folder or s3://bucket/prefix to copy to.")] = "",
    only: Annotated[list[str] | None, typer.Option("--app", help="Copy only this app; may be repeated.")] = None,
    prune: Annotated[
        bool, typer.Option("--prune", help="Remove versions that are not in MLflow, or not in SOURCE.")
    ] = False,
    every: Annotated[
        float, typer.Option(min=0, help="Repeat the copy after this many seconds, until interrupted.")
    ] = 0,
    as_json: AsJson = False,
) -> None:
    """Synchronize a model repository: versions byte for byte, aliases, config.pbtxt, and settings of added models.

    With SOURCE and TARGET, the command copies one repository to the other. Without TARGET, it rebuilds the local
    repository from MLflow. It checks the digests, publishes each version as a whole, never overwrites a version
    and removes versions only with --prune. AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_ENDPOINT_URL are the
    credentials and the endpoint of buckets.
    """
    if target:
        _copy(source, target, [plain_name(app) for app in only or ()], prune, every, as_json)
        return
    if only or every or "/" in source:
        raise typer.BadParameter("--app, --every, folders and URLs need both SOURCE and TARGET")
    _show(_rebuild(plain_name(source), prune), as_json)


def _rebuild(app: str, prune: bool) -> list[Change]:
    """Rebuild the local repository from MLflow."""
    from control.settings import StackSettings
    from control.stack.temporary_stack import ensure
    from serving.kernel.settings import read
    from training.publish.rebuild_from_mlflow import rebuild
    from training.registry.mlflow_registry import Registry

    settings = read(StackSettings)
    with ensure(settings, {"postgres", "mlflow"}) as state:
        return rebuild(Registry(state.mlflow_uri), settings.model_repository, [app] if app else (), prune)


def _copy(source: str, target: str, apps: Sequence[str], prune: bool, every: float, as_json: bool) -> None:
    """Copy once, or every `every` seconds. A repeated copy continues after the bucket was unreachable."""
    from training.errors import StorageError
    from training.publish.repository_copy import copy

    while True:
        try:
            _show(copy(source, target, apps, prune), as_json)
        except StorageError as error:
            if not every:
                raise
            fail(str(error))
        if not every:
            return
        note(f"the next copy starts in {every:g} s")
        time.sleep(every)


def _show(changes: Sequence[Change], as_json: bool) -> None:
    rows = [{"app": change.app, "version": change.version, "action": change.action} for change in changes]
    if as_json:
        print_json(rows)
    else:
        print_table(("app", "version", "action"), [[str(value) for value in row.values()] for row in rows])


def verify(app: Only = "", as_json: AsJson = False) -> None:
    """Check every published file against the digests in its manifest; exit code 1 if one differs.

    With SLIPWAY_TRUSTED_KEYS, signatures of versions and aliases are checked too.
    """
    from control.settings import StackSettings
    from serving.kernel.settings import read
    from serving.kernel.storage.model_repository import Repository
    from serving.kernel.storage.signatures import Signatures

    settings = read(StackSettings)
    repository = Repository(settings.model_repository, Signatures.of(settings))
    root = repository.root
    there = sorted(path.name for path in root.iterdir() if path.is_dir()) if root.is_dir() else []
    apps = [plain_name(app)] if app else there
    rows = []
    for name in apps:
        for version in repository.versions(name):
            problem = _problem(lambda: repository.verify(name, version))  # noqa: B023 - called at once
            rows.append({"app": name, "version": version, "ok": not problem, "problem": problem})
        if problem := _problem(lambda: repository.aliases(name)):  # noqa: B023 - called at once
            rows.append({"app": name, "version": None, "ok": False, "problem": problem})
    if as_json:
        print_json(rows)
    else:
        print_table(
            ("app", "version", "verdict"),
            [(str(row["app"]), str(row["version"] or ""), str(row["problem"]) or "as published") for row in rows],
        )
    if not all(row["ok"] for row in rows):
        raise typer.Exit(1)


def _problem(check: Callable[[], object]) -> str:
    """Why the check refuses; empty if it does not."""
    from serving.kernel.storage.version_files import Refused

    try:
        check()
    except Refused as refusal:
        return str(refusal)
    return ""
