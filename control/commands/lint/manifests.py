"""`slipway manifests`: check Kubernetes manifests without a cluster."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from control.console import note, print_json, print_table

__all__ = ["LINT_EPILOG", "lint"]

LINT_EPILOG = (
    "Examples:  slipway manifests lint   |   slipway manifests lint charts/slipway --format sarif"
    "   |   slipway manifests lint my.yaml --kubernetes 1.30 --external secret/database"
)


def lint(
    path: Annotated[
        Path | None,
        typer.Argument(help="A file, a folder of YAML, a kustomization or a chart. Default: this repository."),
    ] = None,
    form: Annotated[
        Literal["table", "json", "sarif"], typer.Option("--format", help="table, json or sarif.")
    ] = "table",
    kubernetes: Annotated[
        list[str] | None,
        typer.Option(help="Check against this version; may be repeated. Default: 1.30 and the newest."),
    ] = None,
    require_schemas: Annotated[
        bool, typer.Option("--require-schemas", help="Stop when SLIPWAY_SCHEMAS is not set.")
    ] = False,
    external: Annotated[
        list[str] | None,
        typer.Option(help="KIND/NAME that exists elsewhere, such as secret/database; may be repeated."),
    ] = None,
    ignore: Annotated[
        list[str] | None, typer.Option(help="Leave a rule out, such as SLW808; may be repeated.")
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 1 for warnings too.")] = False,
) -> None:
    """Find what a cluster would refuse or ignore, and what would fail later, without a cluster.

    Without a path, the command checks every chart with its own values and each of its ci value sets, every
    overlay, the root kustomization and the Skaffold file. Custom resources are checked against the definitions
    (CRDs) in the folder SLIPWAY_SCHEMAS, including rules in CEL. docs/manifests.md explains every rule. The exit
    code is 1 if there are errors.
    """
    from control.lint.manifests.requirements import require
    from control.new.write import repository_root

    require()
    from control.lint.manifests.lint import lint as check
    from control.lint.manifests.options import LintOptions
    from control.lint.manifests.targets import of_path, of_repository
    from control.lint.sarif import as_sarif

    targets = of_repository(repository_root()) if path is None else of_path(path)
    options = LintOptions.from_environment(kubernetes or (), require_schemas, external or (), ignore or ())
    report = check(targets, options)
    if form == "table":
        print_table(report.linter.columns, report.rows())
    else:
        print_json(report.as_json() if form == "json" else as_sarif(report))
    for text in report.skipped:
        note(f"Note: {text}.")
    note(report.summary)
    if report.failed(strict):
        raise typer.Exit(1)
