from __future__ import annotations

import numpy as np

from apps.quality.train.baseline import fit_baseline


def test_the_measurement_that_tells_grades_apart_best_is_taken() -> None:
    rng = np.random.default_rng(1)
    grades = rng.integers(0, 3, 600)
    values = rng.normal(size=(600, 4))
    values[:, 2] += 4 * grades
    values[::20, 2] = np.nan
    found = fit_baseline(values, grades, np.nanmedian(values, axis=0))
    assert found.slot == 2
    assert np.diff(found.means).min() > 3
    near = found.nearest(values)
    assert (near == grades)[~np.isnan(values[:, 2])].mean() > 0.9
    assert (near[np.isnan(values[:, 2])] == 1).all()


def test_the_most_frequent_grade_is_answered_to_all() -> None:
    found = fit_baseline(np.arange(6.0)[:, None], np.array([0, 1, 1, 1, 2, 2]), np.array([2.0]))
    assert found.most_frequent(3).tolist() == [1, 1, 1]
    np.testing.assert_allclose(found.shares, [1 / 6, 1 / 2, 1 / 3])
