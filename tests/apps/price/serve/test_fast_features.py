from __future__ import annotations

import msgspec
import numpy as np
import numpy.typing as npt
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.price.schema import GROUPS, PriceQuestion
from apps.price.serve import fast_features, features
from apps.price.serve.windows import fill
from tests.apps.price.windows import CONTEXT, full_windows, questions


def same_bits(one: npt.NDArray[np.float32], other: npt.NDArray[np.float32]) -> None:
    """Equal to the last bit; NaN equals NaN."""
    np.testing.assert_array_equal(one, other)
    assert np.signbit(one[~np.isnan(one)]).tolist() == np.signbit(other[~np.isnan(other)]).tolist()


@given(st.lists(questions(), max_size=5), st.sets(st.sampled_from(GROUPS)))
@settings(max_examples=300, deadline=None)
def test_the_fast_features_are_the_plain_ones_bit_for_bit(asked: list[PriceQuestion], groups: set[str]) -> None:
    windows = fill(asked, msgspec.structs.replace(CONTEXT, groups=tuple(groups)))
    same_bits(fast_features.compute(windows), features.compute(windows))


def test_they_are_for_more_rows_than_are_computed_at_once() -> None:
    windows = full_windows(2 * fast_features.AT_ONCE + 3)
    same_bits(fast_features.compute(windows), features.compute(windows))


def test_more_rows_than_are_computed_at_once_are_the_same_rows() -> None:
    count = 2 * fast_features.AT_ONCE + 3
    windows = full_windows(count)
    few = [fast_features.compute(windows.rows(slice(start, start + 7))) for start in range(0, count, 7)]
    assert fast_features.compute(windows).tobytes() == np.concatenate(few).tobytes()
