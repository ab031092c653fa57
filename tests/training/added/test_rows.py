from __future__ import annotations

import numpy as np

from training.added.graphs.read import Tensor
from training.added.rows import KINDS, made_rows, row_size

IDS = Tensor("input_ids", "INT64", ("n", "t"))
MASK = Tensor("attention_mask", "INT64", ("n", "t"))
IMAGE = Tensor("image", "FP32", ("n", 3, "h", "w"))


def test_a_mask_shows_or_hides_whatever_other_integers_are() -> None:
    rows = made_rows((IDS, MASK), 50, 5, KINDS[0])
    assert set(np.unique(rows["attention_mask"])) == {0, 1}
    assert rows["input_ids"].max() > 1
    assert made_rows((MASK,), 3, 5, KINDS[2])["attention_mask"].tolist() == [[1] * 5] * 3


def test_free_axes_have_the_sizes_that_are_asked_for() -> None:
    rows = made_rows((IDS, IMAGE), 2, 5, KINDS[0], lengths={"h": 8, "t": 7})
    assert (rows["input_ids"].shape, rows["image"].shape) == ((2, 7), (2, 3, 8, 5))
    assert row_size((IDS, IMAGE), 5) == 5 + 75
