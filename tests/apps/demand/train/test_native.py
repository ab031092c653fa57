from __future__ import annotations

import numpy as np

from apps.demand.serve.columns import FEATURES
from apps.demand.train.native import DemandModel
from apps.demand.train.tables import tables
from tests.apps.demand.tables import model


def test_rows_go_to_their_series_and_broken_ones_are_nan() -> None:
    models = [model(), model(growth="flat")]
    native = DemandModel(models, tables(models, [0.8, 0.8], 30, monthly=False))
    features = np.zeros((5, len(FEATURES)))
    features[:, 0] = [0, 1, 0, 9, 1]
    features[:, 1] = 19_100
    features[4, 5] = np.nan
    found = native.predict({"features": features})
    assert found["forecast"][0] == found["forecast"][2] != found["forecast"][1] == found["forecast"][3]
    assert np.isnan(found["low"][4])
    assert (found["low"][:4] < found["forecast"][:4]).all()
    assert (found["forecast"][:4] < found["high"][:4]).all()
