"""Features that give the target away."""

from __future__ import annotations

import numpy as np
import pytest

from training.errors import DataError
from training.fit.leakage import refuse_leaking_features


def test_a_feature_that_is_the_target_is_refused() -> None:
    random = np.random.default_rng(0)
    features = random.normal(size=(500, 3)).astype(np.float32)
    target = random.normal(size=500).astype(np.float32)
    refuse_leaking_features(features, target)
    features[:, 1] = 3 * target + 1
    features[7, 1] = np.nan
    with pytest.raises(DataError, match="feature 1 leaks"):
        refuse_leaking_features(features, target)
