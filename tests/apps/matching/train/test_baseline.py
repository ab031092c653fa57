from __future__ import annotations

import numpy as np
import pytest

from apps.matching.train.baseline import best_threshold, nearest, similarities, vectorizer
from apps.matching.train.pairs import text_of
from tests.apps.matching.pairs import offered, wanted

LOTS = [offered("blue tiles"), offered("canon toner e16"), offered("toner")]


def test_the_nearest_come_first() -> None:
    assert nearest([wanted()], LOTS, 2).tolist() == [[1, 2]]


def test_similarities_are_cosines() -> None:
    fitted = vectorizer([text_of(lot) for lot in LOTS])
    same, other = similarities([wanted("toner")] * 2, [LOTS[2], LOTS[0]], fitted)
    assert same == pytest.approx(1)
    assert other < 0.3


def test_the_threshold_is_where_f1_is_best() -> None:
    actual, score = np.array([0, 0, 1, 0, 1, 1]), np.array([0.1, 0.2, 0.3, 0.35, 0.6, 0.9])
    assert 0.2 < best_threshold(actual, score) <= 0.3
    assert best_threshold(np.array([1, 1]), np.array([0.4, 0.5])) == pytest.approx(0.4)
