"""`slipway compare`: compare two versions."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from control.commands.common import own_options, running_registry
from control.commands.versions.compare_added import answers_alone, compare_added
from control.console import note, print_json, print_table, stderr
from control.settings import StackSettings

if TYPE_CHECKING:
    from training.compare.intervals import Line
    from training.compare.run import CompareRequest, Comparison
    from training.recipe import Recipe

__all__ = ["EPILOG", "compare"]

EPILOG = (
    "Examples:  slipway compare price 1 2   |   slipway compare price 1 2 --data ONION.csv --commodity onion"
    "   |   slipway compare price 1 2 --json   |   slipway compare churn 2 3 --data rows.csv --label churned"
)


def compare(
    context: typer.Context,
    app: Annotated[str, typer.Argument(help="Name of the app, such as price.")],
    first: Annotated[int, typer.Argument(min=1, help="The version to compare with.")],
    second: Annotated[int, typer.Argument(min=1, help="The other version; differences are second minus first.")],
    data: Annotated[
        list[Path] | None,
        typer.Option(help="Evaluate both versions on the test part of this file; may be repeated."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Compare two versions on the same rows: metrics by slice, with paired bootstrap intervals of the difference.

    The rows are those that the trainings of both versions stored in MLflow, which is started for the comparison if
    it is not running. With --data, the graphs of both versions are evaluated on that file, and the app's own
    options, such as --commodity for price, select its rows. For models that `slipway add` made, --label, --time
    and --group name columns of that file, by default those by which the newer version was judged.

    Versions that were added from a file and were not judged are compared by their answers: to the rows of --data,
    a file of questions as `slipway score` reads it, else to their golden rows.
    """
    from serving.kernel.added.find import find_added
    from serving.kernel.settings import read
    from serving.kernel.storage.model_repository import NAME
    from training.data.notation import READING
    from training.find_recipe import find
    from training.recipe import RecipeOptions

    if answers_alone(read(StackSettings), app, (first, second), context.args, data or []):
        compare_added(read(StackSettings), app, (first, second), data or [], as_json)
        return
    added = NAME.fullmatch(app) and find_added(read(StackSettings).model_repository, app)
    recipe = None if added else find(app)
    own = recipe.selectable if recipe else ("label", "time", "group")
    known = (*own, *READING) if data else ()
    options = RecipeOptions(select=own_options("compare", app, known, context.args))
    # This import takes seconds, so errors in the options are reported before it.
    from training.compare.run import CompareRequest

    request = CompareRequest(
        app=recipe.app.name if recipe else app,
        versions=(first, second),
        repository=read(StackSettings).model_repository,
        paths=tuple(data or ()),
        options=options,
    )
    result = _run(read(StackSettings), request, recipe)
    if as_json:
        import msgspec

        print_json(msgspec.to_builtins(result))
    else:
        _show(result)


def _run(settings: StackSettings, request: CompareRequest, recipe: Recipe[Any] | None) -> Comparison:
    from training.compare.run import compare as story
    from training.compare.run import manifests_of
    from training.progress import RichProgress

    if request.paths:
        from training.added.truth.again import judge_again

        judge = None if recipe else judge_again
        return story(request, progress=RichProgress(stderr()), recipe=recipe, judge=judge)
    manifests_of(request)
    registry = running_registry(settings)
    if registry is not None:
        return story(request, registry, RichProgress(stderr()), recipe)
    from control.stack.temporary_stack import ensure
    from training.registry.mlflow_registry import Registry

    with ensure(settings, {"postgres", "mlflow"}) as state:
        os.environ.update(state.environment())
        return story(request, Registry(state.mlflow_uri), RichProgress(stderr()), recipe)


def _show(result: Comparison) -> None:
    columns = ("metric", "slice", f"version {result.first}", f"version {result.second}", "difference")
    print_table((*columns, "95 % interval", "rows", "blocks", "verdict"), map(_cells, result.lines))
    source = result.data or "those that the trainings stored"
    note(f"{result.app}: {result.rows} rows, {source}.")
    note(f"The difference is version {result.second} minus version {result.first}.")
    for text in result.notes:
        note(f"Note: {text}.")


def _cells(line: Line) -> tuple[str, ...]:
    interval = "" if line.low is None or line.high is None else f"{line.low:.3g} to {line.high:.3g}"
    figures = (_figure(line.first), _figure(line.second), _figure(line.difference, 3))
    return (line.metric, line.slice, *figures, interval, str(line.rows), str(line.blocks), line.verdict)


def _figure(value: float | None, digits: int = 5) -> str:
    return "" if value is None else f"{value:.{digits}g}"
