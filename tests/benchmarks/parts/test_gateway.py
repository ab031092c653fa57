from __future__ import annotations

import msgspec
import pytest

from benchmarks.load.closed_loop import Sample
from benchmarks.load.wire import Request
from benchmarks.parts.gateway import COLUMNS, GOAL_MEGABYTES, GOAL_P95_MS, AppLoad, memory_rows, row
from benchmarks.setup.usage import Memory

SAMPLE = Sample(
    requests=1000,
    seconds=2.0,
    errors=0,
    p50_ms=1.5,
    p95_ms=GOAL_P95_MS / 2,
    p99_ms=20.0,
    p999_ms=30.0,
    max_ms=40.0,
    client_cpu=0.25,
)


def test_an_app_is_judged_by_its_p95() -> None:
    cells = row(AppLoad("toy", Request("/v1/models/toy:predict", b"{}"), SAMPLE))
    assert cells == ("toy", "2", "1000", "0", "500", "1.50", "5.00", "20.00", "25%", "reached")
    assert len(cells) == len(COLUMNS) + 1


@pytest.mark.parametrize("worse", [{"p95_ms": GOAL_P95_MS}, {"errors": 1}])
def test_slow_or_wrong_answers_miss_the_goal(worse: dict[str, float]) -> None:
    sample = msgspec.structs.replace(SAMPLE, **worse)
    assert row(AppLoad("toy", Request("/", b""), sample))[-1] == "MISSED"


@pytest.mark.parametrize(("beyond", "verdict"), [(-1.0, "reached"), (1.0, "MISSED")])
def test_memory_is_judged_beyond_a_replica_of_nothing_and_after_the_load(beyond: float, verdict: str) -> None:
    nothing = Memory(pss=100.0, rss=150.0)
    after = Memory(pss=nothing.pss + GOAL_MEGABYTES + beyond, rss=2000.0)
    rows = memory_rows(nothing, Memory(pss=300.0, rss=400.0), after)
    assert [cells[-1] for cells in rows] == ["", "", verdict]
    assert [cells[3] for cells in rows] == ["0", "200", f"{GOAL_MEGABYTES + beyond:.0f}"]
