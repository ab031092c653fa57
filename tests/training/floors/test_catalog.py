from __future__ import annotations

from pathlib import Path
from typing import Any

from serving.kernel.storage.version_manifest import Metric
from training import find_recipe
from training.floors.catalog import STEPS, Outcome, compared, step_row
from training.recipe import Floor, RealData

TOYS = RealData(
    name="toys",
    files=("toys.csv",),
    floors=(Floor("mae", "all", 3.0), Floor("r2", "all", 0.5), Floor("mape", "all", 9.0)),
    plain="a ruler",
)
METRICS = (Metric(name="mae", value=2.5, baseline=4.0), Metric(name="r2", value=0.4, better="higher"))


def outcome(**more: Any) -> Outcome:
    steps = {"load": 1.0, "split": 2.0, "fit": 30.0}
    return Outcome(app="toy", data=TOYS, seconds=40.0, steps=steps, metrics=METRICS, **more)


def test_seconds_are_added_up_by_column() -> None:
    assert step_row(outcome()) == ("toy", "toys", "3", "30", "0", "0", "0", "40", "published")
    assert step_row(outcome(refused="the gain may be chance"))[-1] == "refused"
    assert len({name for names in STEPS.values() for name in names}) == 10


def test_a_metric_stands_beside_its_floor() -> None:
    lines = list(compared([outcome()]))
    assert [(one.metric, one.floor, one.verdict) for one in lines] == [
        (METRICS[0], 3.0, "reached"),
        (METRICS[1], 0.5, "MISSED"),
        (None, 9.0, "not measured"),
    ]
    assert {(one.app, one.plain) for one in lines} == {("toy", "a ruler")}


def test_every_app_has_real_data_with_one_floor_for_a_metric_of_a_slice() -> None:
    for name in find_recipe.names():
        data = find_recipe.find(name).real_data
        assert data is not None and data.floors, name
        assert len({(floor.metric, floor.part) for floor in data.floors}) == len(data.floors)


def test_what_is_selected_can_be(real_data: Path) -> None:
    for name in find_recipe.names():
        recipe = find_recipe.find(name)
        assert recipe.real_data is not None
        assert set(recipe.real_data.select) <= set(recipe.selectable)
        assert all((real_data / file).exists() for file in recipe.real_data.files)
