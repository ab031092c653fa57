from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tests.training.added.truth.made import rows, truth_of
from training.added.errors import AddError
from training.added.truth.cut import cut, row_before


@pytest.mark.parametrize("count", [60, 301])
def test_the_later_half_of_the_time_is_held_out(count: int) -> None:
    frame = rows(count).sample(frac=1, random_state=3).reset_index(drop=True)
    parts = cut(truth_of(frame, "churned", time="day"))
    assert frame["day"][parts.fitted].max() < frame["day"][parts.held_out].min()
    assert len(parts.fitted) + len(parts.held_out) == count and abs(len(parts.fitted) - len(parts.held_out)) <= 1
    blocks = pd.Series(parts.blocks).groupby(frame["day"][parts.held_out].to_numpy()).first()
    assert blocks.nunique() == 20 and blocks.astype(int).is_monotonic_increasing, "neighbours share blocks"
    assert parts.description == {
        "kind": "time",
        "column": "day",
        "label": "churned",
        "data": "rows.csv",
        "data_sha256": "ab" * 32,
    }


def test_groups_are_kept_whole() -> None:
    frame = rows(300)
    parts = cut(truth_of(frame, "churned", group="who"))
    assert not set(frame["who"][parts.fitted]) & set(frame["who"][parts.held_out])
    assert parts.blocks.tolist() == frame["who"][parts.held_out].tolist()
    assert 100 < len(parts.held_out) < 200


def test_equal_rows_stay_together_and_more_rows_move_none() -> None:
    frame = pd.concat([rows(200), rows(200)], ignore_index=True)
    truth = truth_of(frame, "churned")
    parts = cut(truth)
    assert not set(truth.keys[parts.fitted]) & set(truth.keys[parts.held_out])
    more = pd.concat([frame, rows(50, seed=1)], ignore_index=True)
    later = cut(truth_of(more, "churned"))
    assert [row for row in later.held_out if row < 400] == parts.held_out.tolist()


@pytest.mark.parametrize(
    ("frame", "columns", "said"),
    [
        (rows(12), {}, r"--label: \d different rows are held out; an interval needs 10. Give more rows"),
        (rows(2), {}, "the sample has 2 different rows"),
        (rows(300).assign(who="a"), {"group": "who"}, "the sample has 1 groups of 'who'"),
        (rows(300).assign(day=1), {"time": "day"}, "the column 'day' has 1 different times"),
        (rows(16), {"time": "day"}, "8 times are held out"),
    ],
)
def test_too_few_are_refused(frame: pd.DataFrame, columns: dict[str, str], said: str) -> None:
    with pytest.raises(AddError, match=said):
        cut(truth_of(frame, "churned", **columns))


def test_the_row_before_is_that_of_its_series() -> None:
    frame = pd.DataFrame({"t": [2, 1, 3, 1, 2], "s": ["x", "x", "x", "y", "y"], "y": range(5)})
    before = row_before(truth_of(frame, "y", time="t", group="s"))
    assert before is not None and before.tolist() == [1, -1, 0, -1, 3]
    assert row_before(truth_of(frame, "y", time="t")) is None, "two rows at one time are no series"
    assert row_before(truth_of(frame, "y", group="s")) is None
    alone = row_before(truth_of(frame.head(3), "y", time="t"))
    np.testing.assert_array_equal(alone, [1, -1, 0])
