from __future__ import annotations

import numpy as np

from apps.matching.schema import MatchContext
from apps.matching.train.golden import EXTREMES, PARITY_ROWS, golden, parity_rows
from tests.apps.matching.pairs import synthetic_split


def test_golden_questions_are_of_one_length_with_the_match_among_others() -> None:
    test = synthetic_split()[1].test
    asked = golden(test)
    assert {len(one.availabilities) for one in asked} == {8}
    assert len({one.availabilities[0].name for one in asked}) > 10
    assert asked == golden(test)


def test_parity_rows_are_held_out_rows_then_odd_ones() -> None:
    arrays = parity_rows(synthetic_split()[1].test, MatchContext(threshold=0.5))
    held_out, odd = arrays["pairs"][:PARITY_ROWS], arrays["pairs"][PARITY_ROWS:]
    assert PARITY_ROWS >= 1000
    assert not (np.abs(np.nan_to_num(held_out)) > 1e6).any()
    assert len(odd) > len(EXTREMES)
    assert arrays["availability"].min() < 0
