"""`slipway logs`: print the end of a part's log."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

__all__ = ["EPILOG", "logs"]

EPILOG = "Examples:  slipway logs gateway   |   slipway logs requests -n 200"
OTHERS = ("requests.jsonl", "supervisord.log")


def logs(
    part: Annotated[
        str,
        typer.Argument(
            help="postgres, mlflow, ray, triton, gateway, trainer, or requests: the data plane's own log."
        ),
    ],
    lines: Annotated[int, typer.Option("-n", "--lines", min=1, help="Number of lines.")] = 50,
) -> None:
    """Print the last lines of a part's log, also after the part has ended."""
    from control.errors import StackError
    from control.settings import StackSettings
    from control.stack.files.layout import Layout
    from control.stack.files.logs import tail
    from control.stack.parts import ORDER, TRAINER
    from serving.kernel.settings import read

    layout = Layout.of(read(StackSettings).home)
    files = {name: layout.log(name) for name in (*ORDER, TRAINER)}
    files |= {name.partition(".")[0]: layout.logs / name for name in OTHERS}
    if part not in files:
        raise StackError(f"there is no part {part!r}; there are: {', '.join(files)}")
    if not files[part].exists():
        raise StackError(f"{part} has written no log yet ({files[part]})")
    sys.stdout.write(tail(files[part], lines) + "\n")
