"""Features that give the target away."""

from __future__ import annotations

import numpy as np
import pytest

from training.errors import DataError
from training.fit.leakage import refuse_leaking_features, way_out

RANDOM = np.random.default_rng(0)
NAMES = ("lead", "reference", "month")


def features(column: np.ndarray) -> np.ndarray:
    made = RANDOM.normal(size=(len(column), 3)).astype(np.float32)
    made[:, 1] = column
    return made


@pytest.mark.parametrize("noise", [0.0, 0.1])
def test_a_feature_that_is_the_target_is_refused_by_its_name(noise: float) -> None:
    target = RANDOM.normal(size=500).astype(np.float32)
    refuse_leaking_features(features(RANDOM.normal(size=500)), target, NAMES)
    leaking = features(3 * target + 1 + noise * RANDOM.normal(size=500))
    leaking[7, 1] = np.nan
    with pytest.raises(DataError, match="'reference' leaks the target.*--allow-column reference"):
        refuse_leaking_features(leaking, target, NAMES)
    with pytest.raises(DataError, match="'feature 1' leaks"):
        refuse_leaking_features(leaking, target)
    computed = "^feature 'reference', which the app computes from the data, leaks .*; remove or mend the columns"
    with pytest.raises(DataError, match=computed):
        refuse_leaking_features(leaking, target, NAMES, columns=("price", "date"))
    with pytest.raises(DataError, match="^column 'reference' leaks .*; remove it from the data"):
        refuse_leaking_features(leaking, target, NAMES, columns=NAMES)
    refuse_leaking_features(leaking, target, NAMES, allowed=("reference",))


def test_a_feature_that_separates_two_classes_is_refused() -> None:
    target = (RANDOM.random(800) < 0.06).astype(np.float32)
    with pytest.raises(DataError, match=r"'reference' leaks the target.*AUROC 1\.0000"):
        refuse_leaking_features(features(RANDOM.normal(size=800) - 9 * target), target, NAMES)
    refuse_leaking_features(features(RANDOM.normal(size=800) - 2 * target), target, NAMES)


def test_the_features_of_an_allowed_column_of_categories_are_allowed() -> None:
    target = np.arange(200) % 2
    table = np.stack([target, 1 - target], axis=1).astype(np.float32)
    with pytest.raises(DataError, match="plan=a"):
        refuse_leaking_features(table, target, ("plan=a", "plan=b"), allowed=("pla",))
    refuse_leaking_features(table, target, ("plan=a", "plan=b"), allowed=("plan",))


def test_the_way_out_can_be_pasted() -> None:
    assert way_out("lot no").endswith("--allow-column 'lot no'")
