"""Ray tasks for real."""

from __future__ import annotations

import os
import time
from functools import partial
from pathlib import Path

import pytest

from training.fit.ray_map import FitFailed, map_on_ray
from training.fit.trainer import Trainer
from training.progress import Silent

pytestmark = pytest.mark.slow


class Watch(Silent):
    """Remembers what it was told."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[int, int]] = []

    def advance(self, done: int, total: int, note: str = "") -> None:
        self.seen.append((done, total))


def square(number: int) -> int:
    time.sleep(0.05 if number % 2 else 0)
    return number * number


def fail_at_three(number: int) -> int:
    if number == 3:
        raise ValueError("three is not allowed")
    return number


def die_once(marker: str) -> str:
    if not Path(marker).exists():
        Path(marker).write_text("died")
        os._exit(1)
    return "alive"


def wait_for(path: str) -> None:
    """Runs until cancelled, leaving a mark that it started and one if it was let finish."""
    Path(path + ".started").write_text("")
    time.sleep(300)
    Path(path).write_text("")


def start_or_fail(path: str) -> None:
    if path == "fail":
        raise RuntimeError("stop here")
    wait_for(path)


def test_results_are_in_order_and_progress_is_reported(ray: None, tmp_path: Path) -> None:
    watch = Watch()
    trainer = Trainer(2, 7, tmp_path, watch)
    assert trainer.map(square, list(range(7))) == [n * n for n in range(7)]
    assert watch.seen == [(n, 7) for n in range(1, 8)]
    assert trainer.map(square, []) == []


def test_one_worker_needs_no_other_process(tmp_path: Path) -> None:
    watch = Watch()
    assert Trainer(1, 7, tmp_path, watch).map(lambda number: (number, os.getpid()), [1, 2]) == [
        (1, os.getpid()),
        (2, os.getpid()),
    ]
    assert watch.seen == [(1, 2), (2, 2)]
    with pytest.raises(FitFailed, match="task 4 of 6 failed: ValueError: three is not allowed"):
        Trainer(1, 7, tmp_path).map(fail_at_three, list(range(6)))


def test_partials_travel_too(ray: None) -> None:
    assert map_on_ray(partial(pow, 2), [1, 2, 3], 2, Silent()) == [2, 4, 8]


def test_an_error_names_the_item_and_the_cause(ray: None) -> None:
    with pytest.raises(FitFailed, match="task 4 of 6 failed: .*three is not allowed"):
        map_on_ray(fail_at_three, list(range(6)), 1, Silent())


def test_a_task_whose_process_dies_is_started_again(ray: None, tmp_path: Path) -> None:
    assert map_on_ray(die_once, [str(tmp_path / "mark")], 1, Silent()) == ["alive"]


def test_the_rest_is_cancelled_when_one_fails(ray: None, tmp_path: Path) -> None:
    with pytest.raises(FitFailed, match="stop here"):
        map_on_ray(start_or_fail, [str(tmp_path / "a"), "fail"], 2, Silent())
    # The core of the cancelled task is free again, or this would wait for five minutes.
    assert map_on_ray(square, [1, 2, 3], 2, Silent()) == [1, 4, 9]
    assert not (tmp_path / "a").exists()
