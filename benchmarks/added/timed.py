"""`python -m benchmarks.added.timed FILE ARGUMENTS...`: `slipway ARGUMENTS`, and into FILE when each step was.

Calls of MLflow have spans of their own, inside those of the steps. The step `triton` is Triton's.
"""

from __future__ import annotations

import functools
import inspect
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from control import cli
from training.added import add
from training.progress import RichProgress
from training.registry.mlflow_registry import Registry

__all__ = ["MLFLOW", "Recorder", "Span", "main", "watch"]

MLFLOW = "MLflow"


class Span(msgspec.Struct, frozen=True):
    """A step of the command, or a call of what is not ours; seconds since 1970."""

    name: str
    owner: str
    """Whose it is; empty for a step of the command."""
    began: float
    ended: float


class Recorder:
    """Writes down spans; calls that a call of the same kind makes are part of that one."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self._inside = False

    @contextmanager
    def span(self, name: str, owner: str = "") -> Iterator[None]:
        """The block of the `with` statement is the span."""
        if owner and self._inside:
            yield
            return
        began, self._inside = time.time(), bool(owner)
        try:
            yield
        finally:
            self.spans.append(Span(name, owner, began, time.time()))
            self._inside = False

    def timed(self, function: Callable[..., Any], owner: str) -> Callable[..., Any]:
        """The function, whose calls are spans."""

        @functools.wraps(function)
        def call(*given: Any, **named: Any) -> Any:
            with self.span(function.__name__, owner):
                return function(*given, **named)

        return call


def watch(recorder: Recorder) -> None:
    """From here on, each step and each call of MLflow in this process is recorded."""
    step = RichProgress.step

    @contextmanager
    def recorded(self: RichProgress, name: str) -> Iterator[None]:
        with recorder.span(name), step(self, name):
            yield

    methods = [name for name, _ in inspect.getmembers(Registry, inspect.isfunction) if not name.startswith("_")]
    calls: list[tuple[Any, str, str]] = [(Registry, name, MLFLOW) for name in methods]
    calls.append((add, "write_mlflow_model", MLFLOW))
    for place, name, owner in calls:
        setattr(place, name, recorder.timed(getattr(place, name), owner))
    vars_of: Any = RichProgress
    vars_of.step = recorded


def main(words: list[str]) -> None:
    """Run the command; exits with its code."""
    file, *arguments = words
    recorder = Recorder()
    watch(recorder)
    sys.argv = ["slipway", *arguments]
    try:
        cli.main()
    finally:
        Path(file).write_bytes(msgspec.json.encode(recorder.spans))


if __name__ == "__main__":
    main(sys.argv[1:])
