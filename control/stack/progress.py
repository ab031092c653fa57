"""Show the progress of a start on standard error: live on a terminal, line by line elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table

from control.console import note, stderr

__all__ = ["Lines", "Screen", "shown"]


class Lines:
    """One line for each event."""

    def planned(self, names: Iterable[str]) -> None:
        """Print the names of the parts."""
        note(f"starting {', '.join(names)}")

    def started(self, name: str) -> None:
        """Print nothing: the part is not ready yet."""

    def ready(self, name: str, seconds: float) -> None:
        """Print the part and the time it took."""
        note(f"{name:<10} ready after {seconds:5.1f} s")

    def say(self, text: str) -> None:
        """Print the line."""
        note(text)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Lines are in nobody's way."""
        yield


class Screen:
    """A table that changes in place; lines of text scroll above it."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self._rows: dict[str, tuple[str, float]] = {}

    def planned(self, names: Iterable[str]) -> None:
        """One row for each part."""
        self._rows = dict.fromkeys(names, ("waiting", 0.0))

    def started(self, name: str) -> None:
        """Start the part's clock."""
        self._rows[name] = ("starting", time.monotonic())

    def ready(self, name: str, seconds: float) -> None:
        """Stop the part's clock."""
        self._rows[name] = ("ready", seconds)

    def say(self, text: str) -> None:
        """Print a line above the table."""
        self._live.console.print(text, markup=False)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Give the terminal to somebody else for the length of the block."""
        self._live.stop()
        try:
            yield
        finally:
            self._live.start()

    def __rich__(self) -> Table:
        """The table at this moment."""
        table = Table.grid(padding=(0, 2))
        for name, (word, since) in self._rows.items():
            if word == "starting":
                table.add_row(Spinner("dots"), name, f"{time.monotonic() - since:.1f} s")
            elif word == "ready":
                table.add_row("[green]✓[/]", name, f"ready after {since:.1f} s")
            else:
                table.add_row("·", name, "[dim]waits[/]")
        return table


@contextmanager
def shown() -> Iterator[Lines | Screen]:
    """An observer for the terminal, or for a file or pipe."""
    console = stderr()
    if not console.is_terminal:
        yield Lines()
        return
    with Live(console=console, transient=True, refresh_per_second=8) as live:
        screen = Screen(live)
        live.update(screen)
        yield screen
