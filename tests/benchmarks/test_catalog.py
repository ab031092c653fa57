from __future__ import annotations

from benchmarks.catalog import STEPS, Outcome, metric_rows, step_row
from benchmarks.floors import CASES, Case, Floor
from serving.kernel.storage.version_manifest import Metric

CASE = Case(
    app="toy",
    data="toys",
    files=("toys.csv",),
    floors=(Floor("mae", "all", 3.0), Floor("r2", "all", 0.5), Floor("mape", "all", 9.0)),
    plain="a ruler",
)
METRICS = (Metric(name="mae", value=2.5, baseline=4.0), Metric(name="r2", value=0.4, better="higher"))


def outcome(**more: object) -> Outcome:
    steps = {"load": 1.0, "split": 2.0, "fit": 30.0}
    return Outcome(case=CASE, seconds=40.0, steps=steps, **{"metrics": METRICS, **more})  # type: ignore[arg-type]


def test_seconds_are_added_up_by_column() -> None:
    assert step_row(outcome()) == ("toy", "toys", "3", "30", "0", "0", "0", "40", "published")
    assert step_row(outcome(refused="the gain may be chance"))[-1] == "refused"
    assert len({name for names in STEPS.values() for name in names}) == 10


def test_a_metric_stands_beside_its_floor() -> None:
    mae, r2, mape = metric_rows([outcome()])
    assert mae == ("toy", "mae", "all", "2.5", "4", "", "", "3", "reached", "a ruler")
    assert r2[-3:] == ("0.5", "MISSED", "a ruler")
    assert mape[-3:] == ("9", "not measured", "a ruler")
    assert len(mae) == len(mape)


def test_a_floor_is_of_one_slice() -> None:
    for case in CASES:
        assert len({(floor.metric, floor.part) for floor in case.floors}) == len(case.floors)
