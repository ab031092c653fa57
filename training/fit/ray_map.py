"""Map a function over many items, as Ray tasks or in this process: for many small fits, one per series."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from training.errors import TrainingError
from training.progress import Progress

__all__ = ["FitFailed", "map_here", "map_on_ray"]

T = TypeVar("T")
R = TypeVar("R")


class FitFailed(TrainingError):
    """The fit did not finish, even after resuming."""


def map_here(function: Callable[[T], R], items: Sequence[T], progress: Progress) -> list[R]:
    """Apply `function` to every item in this process. Results are in the order of the items.

    Raises `FitFailed` with the number of the item when one fails.
    """
    results = []
    for number, item in enumerate(items, 1):
        try:
            results.append(function(item))
        except Exception as cause:  # the function belongs to the recipe and may raise anything
            error = f"{type(cause).__name__}: {cause}"
            raise FitFailed(f"task {number} of {len(items)} failed: {error}") from cause
        progress.advance(number, len(items))
    return results


def map_on_ray(
    function: Callable[[T], R], items: Sequence[T], workers: int, progress: Progress, max_failures: int = 3
) -> list[R]:
    """Apply `function` to every item on the connected Ray, `workers` items at a time.

    Results are in the order of the items. A task whose process dies is retried up to `max_failures` times. When a
    task fails or the caller is interrupted, the running tasks are cancelled. Raises `FitFailed` with the number of
    the item and the error.
    """
    import ray
    from ray.exceptions import RayError, RayTaskError

    # Ray needs a plain function: a bound method or a partial has no name.
    task = ray.remote(num_cpus=1, max_retries=max_failures)(_named(function))
    waiting = list(enumerate(items))[::-1]
    running: dict[Any, int] = {}
    results: dict[int, R] = {}
    try:
        while waiting or running:
            while waiting and len(running) < workers:
                index, item = waiting.pop()
                running[task.remote(item)] = index
            (done,), _ = ray.wait(list(running), num_returns=1)
            index = running.pop(done)
            try:
                results[index] = ray.get(done)
            except RayTaskError as cause:
                raise FitFailed(f"task {index + 1} of {len(items)} failed: {_last_line(cause)}") from cause
            except RayError as cause:
                raise FitFailed(f"task {index + 1} of {len(items)} was lost: {_last_line(cause)}") from cause
            progress.advance(len(results), len(items))
    finally:
        for reference in running:
            ray.cancel(reference, force=True)
    return [results[index] for index in range(len(items))]


def _named(function: Callable[[T], R]) -> Callable[[T], R]:
    def call(item: T) -> R:
        return function(item)

    return functools.update_wrapper(call, function) if hasattr(function, "__name__") else call


def _last_line(cause: BaseException) -> str:
    """The error itself, without the traceback that Ray adds to the message."""
    lines = str(cause).strip().splitlines()
    return lines[-1] if lines else type(cause).__name__
