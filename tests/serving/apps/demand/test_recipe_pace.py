from __future__ import annotations

import pytest

from serving.apps.demand.recipe_pace import ORIGINS, PACES, Pace


@pytest.mark.parametrize("pace", PACES.values(), ids=list(PACES))
def test_every_origin_has_its_whole_horizon(pace: Pace) -> None:
    for horizon in pace.horizons:
        origins = pace.origins(horizon)
        assert len(origins) == ORIGINS
        assert min(origins) == horizon
        assert set(origins) <= set(pace.judged)
    assert max(pace.judged) == pace.held_out


@pytest.mark.parametrize("pace", PACES.values(), ids=list(PACES))
def test_plans_are_chosen_before_what_is_judged(pace: Pace) -> None:
    assert min(pace.choosing) > pace.held_out
    assert set(pace.setting(pace.held_out)) == set(pace.choosing)
    assert min(pace.setting(0)) > 0
