from __future__ import annotations

from benchmarks.contest.contestants import CONTESTANTS
from benchmarks.contest.goals import RATIOS, Line, judge
from benchmarks.contest.results import Idle, Own, Results
from benchmarks.contest.workloads import WORKLOADS
from benchmarks.setup.usage import Memory
from tests.benchmarks.made import figure, results


def line(found: Results, goal: str) -> Line:
    (match,) = (item for item in judge(found) if item.goal == goal and not item.stretch)
    return match


def test_every_goal_is_about_something_that_is_measured() -> None:
    for goal in RATIOS:
        assert goal.clients in WORKLOADS[goal.workload].clients
        assert any(goal.peer in (item.name, item.family) for item in CONTESTANTS.values())


def test_nothing_measured_is_neither_reached_nor_missed() -> None:
    assert {item.reached for item in judge(results())} == {None}


def test_a_ratio_is_reached_or_missed() -> None:
    figures = [figure("json", "slipway", 64, 4000), figure("json", "fastapi", 64, 1000)]
    goal = "json, 64 clients: against fastapi"
    assert line(results(figures), goal) == Line(goal, "4x", "4.00x", True)
    figures[0] = figure("json", "slipway", 64, 3999)
    assert line(results(figures), goal).reached is False


def test_a_family_is_compared_by_its_best_and_only_as_a_whole() -> None:
    goal = "json, 1 client: against mosec"
    figures = [
        figure("json", "slipway", 1, 100),
        figure("json", "mosec-1", 1, 90),
        figure("json", "mosec-8", 1, 200),
    ]
    assert line(results(figures), goal).reached is None
    figures.append(figure("json", "mosec-64", 1, 50))
    assert line(results(figures), goal).measured == "0.50x"


def test_saturated_is_the_best_workload_against_the_same_threads() -> None:
    found = results([figure("xgb", "slipway", 64, 500), figure("xgb64", "slipway", 16, 15, rows=64)])
    found.own = [
        Own(model="xgb500", threads=threads, batch=64, round=0, rows_per_second=rows)
        for threads, rows in ((1, 10), (2, 1000))
    ]
    verdict = line(found, "xgb500, saturated: of ONNX Runtime's own rows/s (2 threads)")
    assert (verdict.measured, verdict.reached) == ("96.0%", True)


def test_an_idle_replica_is_judged_by_memory_and_cpu() -> None:
    found = results()
    found.idle = [Idle(round=0, memory=Memory(pss=249.0, rss=400.0), cpu_percent=1.5)]
    assert line(found, "idle gateway replica: memory").reached is True
    assert line(found, "idle gateway replica: CPU").reached is False
