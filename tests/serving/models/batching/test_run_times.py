from __future__ import annotations

import pytest

from serving.models.batching.run_times import REMEMBERED, Pace


def test_nothing_is_known_before_the_second_run() -> None:
    pace = Pace()
    assert not pace.known()
    pace.add(1.0)
    assert not pace.known()
    pace.add(1.0)
    assert pace.known()


@pytest.mark.parametrize(
    ("durations", "usual", "slow"),
    [([1.0, 2.0], 1.0, 1.0), ([3.0, 1.0, 2.0], 2.0, 2.0), ([1.0, 9.0, 2.0, 3.0], 2.0, 3.0)],
)
def test_usual_is_the_median_and_slow_forgives_one(durations: list[float], usual: float, slow: float) -> None:
    pace = Pace()
    for seconds in durations:
        pace.add(seconds)
    assert (pace.usual(), pace.slow()) == (usual, slow)


def test_only_the_last_runs_count() -> None:
    pace = Pace()
    for seconds in [100.0] * REMEMBERED + [1.0] * REMEMBERED:
        pace.add(seconds)
        assert not pace.known() or pace.usual() in (1.0, 100.0)
    assert (pace.usual(), pace.slow()) == (1.0, 1.0)
