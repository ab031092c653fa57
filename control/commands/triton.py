"""`slipway triton`: what Triton is given."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from control.console import note, print_json, print_table

if TYPE_CHECKING:
    from control.triton.lint import Linted

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
    from control.settings import StackSettings
    from control.triton.lint import lint as look
    from serving.settings import read

    found = look(repository or read(StackSettings).model_repository, model or ())
    if as_json:
        print_json(_document(found))
    else:
        _show(found)
    if found.errors or (strict and found.findings):
        raise typer.Exit(1)


def _document(found: Linted) -> dict[str, Any]:
    import msgspec

    findings = [{**msgspec.to_builtins(one), "message": one.message} for one in found.findings]
    counts = {"errors": found.errors, "warnings": len(found.findings) - found.errors}
    return {"models": list(found.models), **counts, "findings": findings}


def _show(found: Linted) -> None:
    if found.findings:
        rows = [(f"{one.path}:{one.line}", one.severity, one.rule, one.message) for one in found.findings]
        print_table(("where", "severity", "rule", "finding"), rows)
    warnings = len(found.findings) - found.errors
    models = f"{len(found.models)} model{'s' if len(found.models) != 1 else ''}"
    note(f"{models}: {found.errors} errors, {warnings} warnings. docs/triton-lint.md says what the rules are for.")
