"""`slipway triton`: what Triton is given."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from control.console import note, print_json, print_table

__all__ = ["LINT_EPILOG", "lint"]

LINT_EPILOG = "Examples:  slipway triton lint   |   slipway triton lint out   |   slipway triton lint --json"


def lint(
    repository: Annotated[
        Path | None,
        typer.Argument(help="Folder in Triton's layout. Default: the settings' model repository."),
    ] = None,
    model: Annotated[list[str] | None, typer.Option(help="Only this model; give it again for more.")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Warnings count as errors.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Check every config.pbtxt and compare it with the ONNX graphs it is for. Needs no Triton.

    Each finding names file, line and key, the value, what was expected and the fix; docs/triton-lint.md has the
    rules. Exit code 1 when there are errors: a model that Triton would refuse, or that would refuse every request.
    """
    from control.lint.triton.lint import lint as check
    from control.settings import StackSettings
    from serving.kernel.settings import read

    report = check(repository or read(StackSettings).model_repository, model or ())
    if as_json:
        print_json(report.as_json())
    else:
        if report.findings:
            print_table(report.linter.columns, report.rows())
        note(report.summary)
    if report.failed(strict):
        raise typer.Exit(1)
