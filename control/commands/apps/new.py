"""`slipway new`: a new app from the template."""

from __future__ import annotations

from typing import Annotated

import typer

from control.console import note, print_json, stdout

__all__ = ["EPILOG", "new"]

EPILOG = "Example:  slipway new rainfall"


def new(
    name: Annotated[str, typer.Argument(help="Lower-case letters, digits and _, such as rainfall.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print the files as JSON.")] = False,
) -> None:
    """Write a whole small app in this clone: schema, features, recipe, model card, values, golden pairs, a test.

    It trains on synthetic data and passes the contract tests as it is; make it yours from there. Nothing that
    exists is changed.
    """
    from control.new.template import check_name, render
    from control.new.write import repository_root, write
    from serving.kernel.find_app import find_apps

    root = repository_root()
    check_name(name, {app.name for app in find_apps()})
    paths = write(root, name, render(name))
    if as_json:
        print_json(paths)
        return
    for path in paths:
        stdout().print(path, markup=False)
    note("Next:")
    note(f"  slipway train {name}     a first version, from synthetic data")
    note("  make test                the contract tests find the app by themselves")
    note("  slipway down; slipway up if the local stack is running: it looks for apps when it starts")
