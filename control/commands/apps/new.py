"""`slipway new`: create an app from a template, or for a table that somebody has."""

from __future__ import annotations

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
        str, typer.Option("--from", help="CSV or Parquet file of your own, local or s3://...: an app for it.")
    ] = "",
    label: Annotated[str, typer.Option(help="With --from: the column to predict.")] = "",
    kind: Annotated[
        Kind | None, typer.Option(help="With --from: what to predict. Default: what the columns are fit for.")
    ] = None,
    model: Annotated[
        Model | None, typer.Option(help="With --from: the library. Default: xgboost, for text sklearn.")
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
    from control.new.template import check_name, render
    from control.new.write import repository_root, write
    from serving.kernel.find_app import find_apps

    if source and not label:
        raise typer.BadParameter("--from needs --label, the column to predict")
    if not source and (label or kind or model):
        raise typer.BadParameter("--label, --kind and --model need --from, the file with the rows")
    root = repository_root()
    check_name(name, {app.name for app in find_apps()})
    if source:
        plan, files = _for_file(root, name, source, label, kind, model)
    else:
        plan, files = None, render(name)
    paths = write(root, name, files)
    if as_json:
        print_json(paths)
        return
    for path in paths:
        stdout().print(path, markup=False)
    if plan is not None:
        _explain(plan)
    _what_next(name, source)


def _for_file(
    root: Path, name: str, source: str, label: str, kind: Kind | None, model: Model | None
) -> tuple[Plan, dict[str, str]]:
    """The plan for the file, and the files of the app."""
    from control.new.from_file.read import planned
    from control.new.from_file.render import render

    plan = planned(source, label, kind, model)
    return plan, render(root, name, plan)


def _explain(plan: Plan) -> None:
    """Say what was found in the file, and how to overrule it."""
    from control.new.from_file.card import split_text

    found = [f"{len(plan.numbers)} numbers", f"{len(plan.categories)} categories"]
    read = f"the text {plan.text.name!r}" if plan.text else " and ".join(found)
    note(
        f"{plan.source}: {plan.rows} rows; kind {plan.kind} for the label {plan.target.name!r} (--kind overrules)"
    )
    note(f"  the model ({plan.model}) reads {read}")
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
