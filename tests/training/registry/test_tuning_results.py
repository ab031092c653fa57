from __future__ import annotations

from training.registry.tuning_results import TrialResult, Tuned, best_of


def trial(number: int, cost: float | None) -> TrialResult:
    return TrialResult(number=number, state="failed" if cost is None else "finished", params={}, cost=cost)


def test_the_best_is_the_least_cost_and_of_equals_the_first() -> None:
    trials = (trial(0, 2.0), trial(1, None), trial(2, 1.0), trial(3, 1.0))
    best = best_of(trials)
    assert best and best.number == 2
    assert best_of(trials[1:2]) is None
    tuned = Tuned(metric="mae", best=2, params={}, defaults={}, trials=trials, folder="")
    assert [one.number for one in tuned.ranking()] == [2, 3, 0]
