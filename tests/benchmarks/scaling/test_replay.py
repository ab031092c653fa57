from __future__ import annotations

import math
from collections.abc import Callable

import pytest

from benchmarks.scaling.replay import LANES, SECONDS, TRACES, Policy, Run, main, policies, replay


@pytest.fixture(scope="module")
def made() -> dict[str, Callable[[], Policy]]:
    return policies()


@pytest.mark.parametrize("trace", list(TRACES))
@pytest.mark.parametrize("policy", ["ray", "hpa"])
def test_policies_neither_oscillate_nor_stick(
    policy: str, trace: str, made: dict[str, Callable[[], Policy]]
) -> None:
    run = replay(made[policy](), TRACES[trace])
    assert all(1 <= number <= 8 for number in run.replicas)
    assert all(math.isfinite(wait) for wait in run.waits)
    # Ray goes down to what is wanted at that moment, not to the most of the delay: noise may take it back once.
    assert run.reversals(within=120) <= (policy == "ray" and trace == "noise"), "to and fro within two minutes"
    needed = TRACES[trace](3599) * SECONDS / LANES
    assert run.waits[-1] < 0.02, "what the last traffic needs is there"
    if trace in ("step", "stop"):
        assert run.replicas[-1] == max(1, math.ceil(needed)), "what is not needed is gone half an hour later"


@pytest.mark.parametrize("policy", ["ray", "hpa"])
def test_more_traffic_is_met(policy: str, made: dict[str, Callable[[], Policy]]) -> None:
    run = replay(made[policy](), TRACES["step"])
    assert max(run.replicas) >= 4
    assert max(run.waits[900:1800]) < 0.02


def test_reversals_are_moves_to_and_fro_in_short_time() -> None:
    run = Run(replicas=[1] * 10 + [2] * 10 + [1] * 400 + [2])
    assert (run.changes, run.reversals(300), run.reversals(5)) == (3, 1, 0)


def test_the_table_has_every_policy_on_every_trace(capsys: pytest.CaptureFixture[str]) -> None:
    main()
    text = capsys.readouterr().out
    assert "nan" not in text.lower()
    for name in (*TRACES, "ray", "hpa"):
        assert name in text
