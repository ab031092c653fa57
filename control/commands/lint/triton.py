"""`slipway triton`: check Triton's model configurations."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from control.console import note, print_json, print_table

__all__ = ["LINT_EPILOG", "lint"]

LINT_EPILOG = (
    "Examples:  slipway triton lint   |   slipway triton lint out   |   "
    "slipway triton lint --json   |   slipway triton lint --values my-values.yaml"
)


def lint(
    repository: Annotated[
        Path | None,
        typer.Argument(help="Folder in Triton's layout. Default: SLIPWAY_MODEL_REPOSITORY."),
    ] = None,
    model: Annotated[list[str] | None, typer.Option(help="Check only this model; may be repeated.")] = None,
    gpus: Annotated[
        int | None, typer.Option(min=0, help="GPUs of the server: check that the models fit them.")
    ] = None,
    values: Annotated[
        Path | None, typer.Option(help="Values of the chart: check the Triton that it deploys with them.")
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 1 for warnings too.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Check every config.pbtxt and compare it with its ONNX graphs. Needs no Triton.

    Each finding names file, line and key, the value, what was expected and the fix. docs/triton-lint.md has the
    rules. The exit code is 1 if there are errors: Triton would refuse the model, or the model every request.
    """
    from control.lint.triton.deployment import Deployment, of_values
    from control.lint.triton.lint import lint as check
    from control.settings import StackSettings
    from serving.kernel.settings import read

    if gpus is not None and values is not None:
        raise typer.BadParameter("--gpus and --values exclude each other: the values say how many GPUs there are")
    deployment = None if gpus is None else Deployment("--gpus", gpus)
    if values is not None:
        deployment = of_values(values)
    report = check(repository or read(StackSettings).model_repository, model or (), deployment)
    if as_json:
        print_json(report.as_json())
    else:
        if report.findings:
            print_table(report.linter.columns, report.rows())
        note(report.summary)
    if report.failed(strict):
        raise typer.Exit(1)
