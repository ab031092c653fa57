from __future__ import annotations

import numpy as np

from apps.matching.serve.features import compare
from apps.matching.train.pairs import (
    CHUNK,
    availabilities,
    availability_pool,
    contents,
    flat,
    requirements,
    text_of,
)
from tests.apps.matching.pairs import offered, synthetic_split, wanted


def test_rows_become_the_questions_own_types() -> None:
    test = synthetic_split()[1].test
    one, other = requirements(test)[0], availabilities(test)[0]
    row = test.iloc[0]
    assert one.name == row["requirement_name"]
    assert one.commodity == other.commodity == row["requirement_commodity"]
    assert one.price == row["requirement_price"]
    assert one.place is not None and one.place.latitude == row["requirement_latitude"]
    missing = test[test["availability_quality"].isna()]
    assert {lot.quality for lot in availabilities(missing)} == {None}


def test_the_pool_is_every_availability_once() -> None:
    split = synthetic_split()[1]
    pool = availability_pool([split.test, split.train, split.test])
    assert len({contents(lot) for lot in pool}) == len(pool)
    assert {contents(lot) for lot in availabilities(split.test)} <= {contents(lot) for lot in pool}


def test_chunks_change_nothing() -> None:
    left, right = [wanted("a 12b")] * (CHUNK + 3), [offered("a12b c")] * (CHUNK + 3)
    whole = compare(left[:2], right[:2])
    for name, array in flat(left, right).items():
        assert len(array) == CHUNK + 3
        np.testing.assert_array_equal(array[-2:], whole[name])


def test_the_baseline_reads_the_same_words_as_the_model() -> None:
    assert text_of(wanted("KX-9", maker="Acme", description="Red!")) == "kx9 acme red"
