from __future__ import annotations

import numpy as np

from benchmarks.parts.demand_forecast import HORIZON, contestants


def test_all_forecast_the_same() -> None:
    first, *others = (np.array(step()) for step in contestants().values())
    assert len(first) == HORIZON
    for other in others:
        np.testing.assert_allclose(other, first, rtol=1e-5)
