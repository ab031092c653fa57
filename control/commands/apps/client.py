"""`slipway client`: the types of served models, for Python programs that ask them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from control.commands.apps.predict import address_of
from control.console import note
from control.errors import StackError

__all__ = ["EPILOG", "client"]

EPILOG = (
    "Examples:  slipway client price churn --out models.py   |   "
    "slipway client --url https://models.example.com --out models.py"
)


def client(
    names: Annotated[
        list[str] | None, typer.Argument(help="Names of models, such as price. Default: all that are served.")
    ] = None,
    url: Annotated[str, typer.Option(help="Address of the gateway. Default: that of the local stack.")] = "",
    out: Annotated[Path | None, typer.Option(help="File to write. Default: standard output.")] = None,
    timeout: Annotated[float, typer.Option(min=0.001, help="Seconds to wait for the gateway.")] = 30.0,
) -> None:
    """Write a Python module with the types of questions and answers of served models.

    With it, a type checker knows what each model takes and gives. Programs ask with `slipway_client`. An API key
    is read from SLIPWAY_API_KEY or SLIPWAY_API_KEY_FILE.
    """
    from control.own_key import key
    from control.settings import StackSettings
    from serving.kernel.settings import read
    from slipway_client.errors import SlipwayError, Unavailable
    from slipway_client.generate import source_of

    address = url or f"http://{address_of(read(StackSettings))}"
    try:
        source = source_of(address, names or (), key() or None, timeout)
        if out is not None:
            out.write_text(source)
    except (SlipwayError, ValueError, OSError) as cause:
        local = isinstance(cause, Unavailable) and not url
        hint = ". `slipway up` starts a gateway, `slipway status` shows it" if local else ""
        raise StackError(f"{cause}{hint}") from cause
    if out is None:
        sys.stdout.write(source)
    else:
        note(f"{out} is written; docs/client.md says how programs use it.")
