from __future__ import annotations

import numpy as np
import pytest

from training.measures.block_bootstrap import mean_gain


def test_a_clear_gain_lies_above_zero_and_none_does_not() -> None:
    rng = np.random.default_rng(1)
    times = np.arange(2000) // 5
    assert mean_gain(rng.normal(1, 2, 2000), times, 14, seed=7)[0] > 0
    low, high = mean_gain(rng.normal(0, 2, 2000), times, 14, seed=7)
    assert low < 0 < high


def test_rows_that_move_together_count_as_one() -> None:
    rng = np.random.default_rng(2)
    times = np.repeat(np.arange(400), 10)
    shared = np.repeat(rng.normal(0.1, 1, 400), 10)
    alone = rng.normal(0.1, 1, 4000)
    wide, narrow = (np.subtract(*mean_gain(gains, times, 7, seed=7)[::-1]) for gains in (shared, alone))
    assert wide > 2 * narrow


def test_the_interval_holds_the_truth_about_as_often_as_stated() -> None:
    rng = np.random.default_rng(3)
    times = np.arange(600)
    held = [
        low <= 0.5 <= high
        for low, high in (mean_gain(rng.normal(0.5, 1, 600), times, 10, seed, 400) for seed in range(120))
    ]
    assert 0.87 <= np.mean(held) <= 1.0


def test_the_same_seed_gives_the_same_interval() -> None:
    gains = np.random.default_rng(4).normal(size=300)
    assert mean_gain(gains, np.arange(300), 7, seed=1) == mean_gain(gains, np.arange(300), 7, seed=1)


def test_too_few_blocks_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 10"):
        mean_gain(np.ones(90), np.arange(90), 14, seed=7)
