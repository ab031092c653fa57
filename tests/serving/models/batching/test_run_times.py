from __future__ import annotations

import pytest

from serving.models.batching.run_times import REMEMBERED, RunTimes


def test_nothing_is_known_before_the_second_run() -> None:
    run_times = RunTimes()
    assert not run_times.known()
    run_times.add(1.0)
    assert not run_times.known()
    run_times.add(1.0)
    assert run_times.known()


@pytest.mark.parametrize(
    ("durations", "usual", "slow"),
    [([1.0, 2.0], 1.0, 1.0), ([3.0, 1.0, 2.0], 2.0, 2.0), ([1.0, 9.0, 2.0, 3.0], 2.0, 3.0)],
)
def test_usual_is_the_median_and_slow_forgives_one(durations: list[float], usual: float, slow: float) -> None:
    run_times = RunTimes()
    for seconds in durations:
        run_times.add(seconds)
    assert (run_times.usual(), run_times.slow()) == (usual, slow)


def test_only_the_last_runs_count() -> None:
    run_times = RunTimes()
    for seconds in [100.0] * REMEMBERED + [1.0] * REMEMBERED:
        run_times.add(seconds)
        assert not run_times.known() or run_times.usual() in (1.0, 100.0)
    assert (run_times.usual(), run_times.slow()) == (1.0, 1.0)
