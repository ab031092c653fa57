"""`slipway new`: create an app from a template, or for a table that somebody has."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Annotated

import typer

from control.console import note, print_json, stdout
from control.new.from_file.kinds import Kind, Model

if TYPE_CHECKING:
    from pathlib import Path

    from control.new.from_file.plan import Plan

__all__ = ["EPILOG", "new"]

EPILOG = "Examples:  slipway new churn --from rows.csv --label churned   |   slipway new rainfall"


def new(
    name: Annotated[str, typer.Argument(help="Lower-case letters, digits and _, such as rainfall.")],
    source: Annotated[
        str,
        typer.Option("--from", help="CSV, Parquet or .jsonl file of your own, local or s3://...: an app for it."),
    ] = "",
    label: Annotated[str, typer.Option(help="With --from: the column to predict.")] = "",
    kind: Annotated[
        Kind | None, typer.Option(help="With --from: what to predict. Default: what the columns are fit for.")
    ] = None,
    model: Annotated[
        Model | None, typer.Option(help="With --from: the library. Default: xgboost, for text sklearn.")
    ] = None,
    decimal: Annotated[
        str,
        typer.Option(help="With --from: comma or point, where the text does not show which precedes decimals."),
    ] = "",
    dates: Annotated[
        str, typer.Option(help="With --from: day-first or month-first, where the dates do not show it.")
    ] = "",
    allow_column: Annotated[
        list[str] | None,
        typer.Option(help="With --from: column that may look as if it gave the label away; may be repeated."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the files as JSON.")] = False,
) -> None:
    """Write a small, complete app into this clone: schema, features, recipe, card, values, golden pairs, test.

    With --from and --label, the app is written for your file: the question has its columns with their types,
    ranges and categories. The rows are split by what the columns are: by time, by a repeated identifier, or at
    random. The app trains on the file without an edit. The file itself is not copied.

    Every new app also trains on synthetic data and passes the contract tests; change it from there. Existing files
    stay as they are.
    """
    from control.new.taken import refuse_added
    from control.new.template import check_name, render
    from control.new.write import repository_root, write
    from control.settings import StackSettings
    from serving.kernel.find_app import find_apps
    from serving.kernel.settings import read

    if source and not label:
        raise typer.BadParameter("--from needs --label, the column to predict")
    if not source and (label or kind or model or decimal or dates or allow_column):
        raise typer.BadParameter(
            "--label, --kind, --model, --decimal, --dates and --allow-column need --from, the file with the rows"
        )
    root = repository_root()
    check_name(name, {app.name for app in find_apps()})
    refuse_added(name, read(StackSettings).model_repository)
    given = {key: value for key, value in (("decimal", decimal), ("dates", dates)) if value}
    allowed = tuple(allow_column or ())
    plan, notes = _plan(source, label, kind, model, given, allowed) if source else (None, ())
    paths = write(root, name, _files(root, name, plan) if plan else render(name))
    if as_json:
        print_json(paths)
        return
    for path in paths:
        stdout().print(path, markup=False)
    if plan is not None:
        _explain(plan, notes)
        # The training knows the columns by their fields.
        allowed = tuple(column.field for column in plan.inputs if column.name in allowed)
    options = [*given.items(), *(("allow-column", column) for column in allowed)]
    words = [source, *(word for key, value in options for word in (f"--{key}", value))] if source else []
    _what_next(name, shlex.join(words))


def _plan(
    source: str,
    label: str,
    kind: Kind | None,
    model: Model | None,
    given: dict[str, str],
    allowed: tuple[str, ...],
) -> tuple[Plan, tuple[str, ...]]:
    """The plan for the file, and sentences on how it was read."""
    from control.new.from_file.read import planned
    from training.data.notation import Notation

    return planned(source, label, kind, model, Notation.of(given), allowed)


def _files(root: Path, name: str, plan: Plan) -> dict[str, str]:
    from control.new.from_file.render import render

    return render(root, name, plan)


def _explain(plan: Plan, notes: tuple[str, ...]) -> None:
    """Say what was found in the file, and how to overrule it."""
    from control.new.from_file.card import split_text

    found = [f"the last {plan.steps.lags} values"] if plan.steps else []
    found += [f"the text {plan.text.name!r}"] if plan.text else []
    for columns, one, more in ((plan.numbers, "number", "numbers"), (plan.categories, "category", "categories")):
        found += [f"{len(columns)} {one if len(columns) == 1 else more}"] if columns else []
    note(
        f"{plan.source}: {plan.rows} rows; kind {plan.kind} for the label {plan.target.name!r} (--kind overrules)"
    )
    for text in notes:
        note(f"  {text}")
    note(f"  the model ({plan.model}) reads {' and '.join(found)}")
    note(f"  split {split_text(plan)}")
    for column, why in plan.left_out:
        note(f"  not used: {column!r}: {why}")


def _what_next(name: str, source: str) -> None:
    note("Next:")
    if source:
        note(f"  slipway train {name} --data {source}")
        note(f"  slipway predict {name}   asks the example in apps/{name}/schema.py")
    else:
        note(f"  slipway train {name}     trains a first version on synthetic data")
    note("  make test                runs the contract tests, which find the new app")
    note("  slipway down; slipway up if the local stack is running: it finds apps when it starts")
