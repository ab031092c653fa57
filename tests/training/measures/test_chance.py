from __future__ import annotations

import numpy as np
import pytest

from training.measures.chance import CHANCE, beside_chance, part_of
from training.measures.classification import average_precision, brier, precision

ROWS = 2000
RANDOM = np.random.default_rng(0)
ACTUAL = (RANDOM.random(ROWS) < 0.1).astype(int)
GROUPS = np.arange(ROWS)


def test_the_baseline_is_the_share_of_class_1() -> None:
    score = RANDOM.normal(size=ROWS) + 2 * ACTUAL
    metric = beside_chance("average_precision", average_precision, ACTUAL, score, GROUPS, seed=1)
    assert metric.slice == CHANCE == part_of("all")
    assert metric.baseline == pytest.approx(ACTUAL.mean())
    assert metric.gain_low is not None and metric.gain_low > 0.1
    flags = (score > 2).astype(int)
    metric = beside_chance("precision", precision, ACTUAL, flags, GROUPS, seed=1, part="day 3")
    assert (metric.slice, metric.better) == ("day 3, beside chance", "higher")
    assert metric.gain_low is not None and metric.gain_low > 0.1


@pytest.mark.parametrize("seed", range(5))
def test_noise_does_not_gain(seed: int) -> None:
    score = np.random.default_rng(seed + 10).normal(size=ROWS)
    metric = beside_chance("average_precision", average_precision, ACTUAL, score, GROUPS, seed=1)
    assert metric.gain_low is not None and metric.gain_low < 0.01
    everyone = np.ones(ROWS)
    metric = beside_chance("precision", precision, ACTUAL, everyone, GROUPS, seed=1)
    assert metric.gain_low == metric.gain_high == 0


def test_the_gain_of_an_error_is_positive_where_it_is_smaller() -> None:
    stated = np.where(ACTUAL == 1, 0.6, 0.05)
    share = float(ACTUAL.mean())
    metric = beside_chance("brier", brier, ACTUAL, stated, GROUPS, 1, better="lower", constant=share)
    assert metric.baseline == pytest.approx(share * (1 - share))
    assert metric.value < metric.baseline and metric.gain_low is not None and metric.gain_low > 0


def test_few_groups_give_no_interval() -> None:
    metric = beside_chance("precision", precision, ACTUAL, ACTUAL, GROUPS // 400, seed=1)
    assert metric.gain_low is None and metric.gain_high is None
