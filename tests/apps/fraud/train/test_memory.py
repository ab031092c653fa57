from __future__ import annotations

import numpy as np

from apps.fraud.train.memory import CHUNK, MEMORY_RECORDS, fit_memory, recalled

FEW = np.array([[0, 0, 0], [10, 10, 10], [-10, 0, 10]], np.float32)


def test_a_record_is_recalled_by_those_most_like_it() -> None:
    rows = np.array([[10, 10, 10], [9, 10, 11], [5, 5, 5], [1000, 1000, 1000]], np.float32)
    found = recalled(FEW, rows, np.ones_like(rows))
    np.testing.assert_allclose(found[:2], [[10, 10, 10], [10, 10, 10]], atol=0.01)
    # In the middle between two it is the middle, without a jump beside it.
    np.testing.assert_allclose(found[2], [5, 5, 5], atol=0.5)
    beside = recalled(FEW, rows[[2]] + np.float32(1e-4), np.ones((1, 3), np.float32))
    np.testing.assert_allclose(beside[0], found[2], atol=1e-2)
    assert np.isfinite(found).all()


def test_what_is_missing_has_no_say() -> None:
    rows = np.array([[-10, 0, 0], [0, 0, 0]], np.float32)
    known = np.array([[1, 1, 0], [0, 0, 0]], np.float32)
    found = recalled(FEW, rows, known)
    np.testing.assert_allclose(found[0], FEW[2], atol=0.01)
    # Of a record of which nothing is known, all are equally far.
    np.testing.assert_allclose(found[1], FEW.mean(axis=0), atol=1e-5)


def test_a_record_alone_is_the_record_among_others() -> None:
    rows = np.random.default_rng(0).normal(size=(CHUNK + 3, 3)).astype(np.float32)
    known = np.ones_like(rows)
    whole = recalled(FEW, rows, known)
    for row in (0, CHUNK - 1, CHUNK, CHUNK + 2):
        np.testing.assert_allclose(recalled(FEW, rows[[row]], known[[row]])[0], whole[row], atol=1e-6)
    assert recalled(FEW, rows[:0], known[:0]).shape == (0, 3)


def test_the_memory_is_a_random_part_of_the_records_and_all_of_few() -> None:
    rows = np.random.default_rng(0).normal(size=(4 * MEMORY_RECORDS, 2)).astype(np.float32)
    memory = fit_memory(rows, 7)
    assert memory.shape == (MEMORY_RECORDS, 2)
    assert {tuple(row) for row in memory} <= {tuple(row) for row in rows}
    np.testing.assert_array_equal(fit_memory(rows, 7), memory)
    assert not np.array_equal(fit_memory(rows, 8), memory)
    assert sorted(fit_memory(rows[:3], 7).tolist()) == sorted(rows[:3].tolist())
