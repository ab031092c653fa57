"""The output of commands: results go to standard output, progress and errors to standard error."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

__all__ = ["fail", "note", "print_json", "print_table", "stderr", "stdout"]


def stdout() -> Console:
    """Return the console for results."""
    return Console(highlight=False, soft_wrap=not sys.stdout.isatty())


def stderr() -> Console:
    """Return the console for progress and errors."""
    return Console(stderr=True, highlight=False, soft_wrap=True)


def print_json(value: Any) -> None:
    """Print one JSON document to standard output."""
    sys.stdout.write(json.dumps(value, indent=2, default=str) + "\n")


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]], title: str = "") -> None:
    """Print a table to standard output. Cells are never cut in a file or a pipe."""
    table = Table(*columns, title=title or None, title_justify="left", box=None, pad_edge=False)
    count = 0
    for row in rows:
        table.add_row(*map(Text, row))
        count += 1
    console = stdout()
    if not console.is_terminal:
        console.width = 400
    console.print(table, no_wrap=True) if count else console.print("(nothing)")


def note(text: str) -> None:
    """Print a line of progress to standard error."""
    stderr().print(text, markup=False)


def fail(text: str) -> None:
    """Print an error to standard error."""
    console = stderr()
    first, _, rest = text.partition("\n")
    console.print("error: ", style="bold red", end="")
    console.print(first, markup=False)
    if rest:
        console.print(rest, markup=False)
