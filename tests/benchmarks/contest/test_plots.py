from __future__ import annotations

from pathlib import Path

from benchmarks.contest.plots import draw
from benchmarks.contest.results import Open
from benchmarks.load.open_loop import Outcome
from tests.benchmarks.made import figure, results


def outcome(p99: float) -> Outcome:
    return Outcome(
        due=10,
        ok=10,
        refused=0,
        failed=0,
        unanswered=0,
        seconds=1.0,
        p50_ms=1.0,
        p99_ms=p99,
        p999_ms=p99,
        max_ms=p99,
        late_p99_ms=0.1,
        waited=0,
        client_cpu=0.1,
    )


def test_nothing_measured_draws_nothing(tmp_path: Path) -> None:
    assert draw(results(), tmp_path) == []


def test_every_picture_is_drawn_in_both_forms(tmp_path: Path) -> None:
    found = results([figure("json", name, n, 1000 * n) for name in ("slipway", "uvicorn") for n in (1, 16, 64)])
    found.open = [
        Open(contestant="slipway", share=share, rate=1000 * share, outcome=outcome(2.0)) for share in (0.5, 1.2)
    ]
    drawn = draw(found, tmp_path)
    assert [path.stem for path in drawn] == ["rates", "latency", "open-loop"]
    assert all(path.stat().st_size and path.with_suffix(".png").stat().st_size for path in drawn)
    assert "slipway" in drawn[0].read_text()
