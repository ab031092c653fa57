from __future__ import annotations

import logging

import numpy as np
import pandas as pd
import pytest

from apps.demand.train.prophet import conditions, plans, point, quiet, revive, stored
from tests.apps.demand.tables import daily, model


def test_point_is_prophets_yhat_in_any_order() -> None:
    fitted = model("multiplicative")
    table = daily()
    frame = conditions(pd.DataFrame({"ds": table["date"].iloc[-20:]}))
    with quiet():
        wanted = fitted.predict(frame)
    days = ((frame["ds"] - pd.Timestamp(0)) / pd.Timedelta(days=1)).to_numpy()
    order = np.r_[np.arange(19, -1, -1), 3, 3]
    yhat, terms = point(fitted, days[order])
    np.testing.assert_array_equal(yhat, wanted["yhat"].to_numpy()[order])
    np.testing.assert_array_equal(terms, wanted["multiplicative_terms"].to_numpy()[order])
    assert fitted.uncertainty_samples


def test_a_model_survives_as_text() -> None:
    days = np.arange(19_000.0, 19_100.0)
    again = revive(stored(model()))
    np.testing.assert_array_equal(point(again, days)[0], point(model(), days)[0])


def test_there_is_a_plan_for_every_kind() -> None:
    assert {(plan.mode, plan.growth) for plan in plans("day")} >= {
        ("additive", "linear"),
        ("multiplicative", "linear"),
        ("additive", "flat"),
    }
    assert any(plan.events for plan in plans("day"))
    assert not any(plan.events for plan in plans("month"))


def test_quiet_leaves_logging_as_it_was() -> None:
    logger = logging.getLogger("prophet")
    before = logger.level, logger.disabled
    with pytest.raises(ValueError, match="inside"), quiet():
        assert logger.disabled
        raise ValueError("inside")
    assert (logger.level, logger.disabled) == before
