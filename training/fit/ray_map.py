"""A function over many items, as Ray tasks or in this process: for many small fits, such as one per series."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from training.errors import TrainingError
from training.progress import Progress

__all__ = ["FitFailed", "run_here", "run_tasks"]

T = TypeVar("T")
R = TypeVar("R")


class FitFailed(TrainingError):
    """The fit did not finish, even after resuming."""


def run_here(function: Callable[[T], R], items: Sequence[T], progress: Progress) -> list[R]:
    """`function` of every item in this process, one after the other; results in the order of the items.

    Raises `FitFailed` with the place of the item when one fails.
    """
    results = []
    for place, item in enumerate(items, 1):
        try:
            results.append(function(item))
        except Exception as cause:  # the function is the recipe's, and so are its errors
            error = f"{type(cause).__name__}: {cause}"
            raise FitFailed(f"task {place} of {len(items)} failed: {error}") from cause
        progress.advance(place, len(items))
    return results


def run_tasks(
    function: Callable[[T], R], items: Sequence[T], workers: int, progress: Progress, max_failures: int = 3
) -> list[R]:
    """`function` of every item, `workers` of them at a time, on the Ray this process is connected to.

    Results are in the order of the items. A task whose process dies is started again up to `max_failures` times.
    Raises `FitFailed`, which names the item's place and the error, as soon as one fails; what still runs is
    cancelled then, and also when the caller is interrupted.
    """
    import ray
    from ray.exceptions import RayError, RayTaskError

    # Ray wants a plain function: a bound method or a partial has no name to show.
    task = ray.remote(num_cpus=1, max_retries=max_failures)(_named(function))
    waiting = list(enumerate(items))[::-1]
    running: dict[Any, int] = {}
    results: dict[int, R] = {}
    try:
        while waiting or running:
            while waiting and len(running) < workers:
                place, item = waiting.pop()
                running[task.remote(item)] = place
            (done,), _ = ray.wait(list(running), num_returns=1)
            place = running.pop(done)
            try:
                results[place] = ray.get(done)
            except RayTaskError as cause:
                raise FitFailed(f"task {place + 1} of {len(items)} failed: {_last_line(cause)}") from cause
            except RayError as cause:
                raise FitFailed(f"task {place + 1} of {len(items)} was lost: {_last_line(cause)}") from cause
            progress.advance(len(results), len(items))
    finally:
        for reference in running:
            ray.cancel(reference, force=True)
    return [results[place] for place in range(len(items))]


def _named(function: Callable[[T], R]) -> Callable[[T], R]:
    def call(item: T) -> R:
        return function(item)

    return functools.update_wrapper(call, function) if hasattr(function, "__name__") else call


def _last_line(cause: BaseException) -> str:
    """The error itself, below the traceback that Ray puts into the message."""
    lines = str(cause).strip().splitlines()
    return lines[-1] if lines else type(cause).__name__
