"""`slipway new`: create an app from the template."""

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
    """Write a small, complete app into this clone: schema, features, recipe, card, values, golden pairs, test.

    The app trains on synthetic data and passes the contract tests; change it from there. Existing files stay as
    they are.
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
    note(f"  slipway train {name}     trains a first version on synthetic data")
    note("  make test                runs the contract tests, which find the new app")
    note("  slipway down; slipway up if the local stack is running: it finds apps when it starts")
