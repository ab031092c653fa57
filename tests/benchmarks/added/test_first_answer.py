from __future__ import annotations

import pytest

from benchmarks.added.first_answer import GATEWAY, OURS, STARTING, WAITING, rows, split
from benchmarks.added.timed import MLFLOW, Span

SPANS = [
    Span("read", "", 102.0, 103.0),
    Span("parity", "", 103.0, 104.0),
    Span("triton", "", 104.0, 105.5),
    Span("start", MLFLOW, 106.0, 107.0),
    Span("register", "", 106.0, 107.5),
    Span("set_aliases", MLFLOW, 107.6, 107.8),
    Span("publish", "", 107.5, 108.0),
    Span("finish", MLFLOW, 108.0, 109.5),
]


def test_the_parts_add_up_and_foreign_calls_are_taken_out_of_their_steps() -> None:
    shares = split(100.0, 108.6, SPANS)
    assert sum(share.seconds for share in shares) == pytest.approx(8.6)
    found = {(share.step, share.owner): share.seconds for share in shares}
    expected = {
        STARTING: 2.0,
        "read": 1.0,
        "parity": 1.0,
        WAITING: 0.5,
        "register": 0.5,
        "publish": 0.3,
        GATEWAY: 0.6,
    }
    assert {step: found[step, OURS] for step in expected} == pytest.approx(expected)
    others = {owner: value for (_, owner), value in found.items() if owner != OURS}
    assert others == pytest.approx({"Triton": 1.5, MLFLOW: 1.2}), "what follows the publication does not count"


def test_an_answer_may_come_before_the_step_ends() -> None:
    shares = split(100.0, 107.9, SPANS)
    found = {share.step: share.seconds for share in shares}
    assert sum(found.values()) == pytest.approx(7.9)
    assert (found[GATEWAY], found["publish"]) == pytest.approx((0.0, 0.2))


def test_goals_are_judged_by_medians() -> None:
    runs = [split(100.0 - more, 108.6, SPANS) for more in (0.0, 0.0, 50.0)]
    *_, everything, own = rows(runs)
    assert everything == ("all", "", "8.60", "8.60", "58.60", "under 20 s: reached")
    assert own == ("all of it that is ours", OURS, "5.90", "5.90", "55.90", "under 3 s: MISSED")
    assert rows(runs)[0] == (STARTING, OURS, "2.00", "2.00", "52.00", "")
