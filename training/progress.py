"""Progress messages of long steps. Library code calls a `Progress` and prints nothing itself."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from rich.console import Console
    from rich.status import Status

__all__ = ["Progress", "RichProgress", "Silent"]


class Progress(Protocol):
    """Receives every step, its rounds and its messages."""

    times: dict[str, float]
    """Seconds per finished step."""

    def step(self, name: str) -> AbstractContextManager[None]:
        """The block of the `with` statement is the step."""
        ...

    def advance(self, done: int, total: int, note: str = "") -> None:
        """`done` of `total` rounds of the running step are finished."""
        ...

    def log(self, text: str) -> None:
        """Show a message."""
        ...


class Silent:
    """Measures the times and prints nothing."""

    def __init__(self) -> None:
        self.times: dict[str, float] = {}

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Time the block."""
        start = time.monotonic()
        try:
            yield
        finally:
            self.times[name] = self.times.get(name, 0.0) + time.monotonic() - start

    def advance(self, done: int, total: int, note: str = "") -> None:
        """Do nothing."""

    def log(self, text: str) -> None:
        """Do nothing."""


class RichProgress(Silent):
    """One line per finished step with its time; a spinner with rounds while a step runs."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self.console = console
        self._status: Status | None = None
        self._name = ""

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Show a spinner during the step, then print its line."""
        self._name = name
        mark = "[red]✗[/red]"
        try:
            with self.console.status(name) as self._status, super().step(name):
                yield
            mark = "[green]✓[/green]"
        finally:
            self._status = None
            self.console.print(f"{mark} {name:<10} {self.times[name]:6.1f} s", highlight=False)

    def advance(self, done: int, total: int, note: str = "") -> None:
        """Show the rounds beside the spinner."""
        if self._status is not None:
            self._status.update(f"{self._name}  {done}/{total}  {note}")

    def log(self, text: str) -> None:
        """Print the message on its own line."""
        self.console.print(f"  {text}", highlight=False, markup=False)
