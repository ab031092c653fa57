from __future__ import annotations

from apps.matching.train.report import evaluation, gate
from serving.kernel.storage.version_manifest import Metric
from tests.apps.matching.pairs import fitted, synthetic_split
from training.recipe import Evaluation


def report(f1: tuple[float, float], first: tuple[float, float]) -> Evaluation:
    def metric(name: str, gain: tuple[float, float] | None, value: float = 0.8, baseline: float = 0.6) -> Metric:
        low, high = gain or (None, None)
        return Metric(name=name, value=value, baseline=baseline, better="higher", gain_low=low, gain_high=high)

    metrics = metric("f1", f1), metric("average_precision", (0.1, 0.2)), metric("hit_at_1", None, *first)
    _, split = synthetic_split()
    return Evaluation(metrics=metrics, rows=split.test, kind="probabilities")


def test_hits_are_counted_in_the_full_table_and_not_among_labelled_pairs() -> None:
    _, split = synthetic_split()
    found = {metric.name: metric for metric in evaluation(fitted().model, split).metrics}
    every = sum(len(part) for part in (split.train, split.validation, split.test))
    size = int(found["hit_at_1"].slice.removeprefix("full table of "))
    assert 0.95 * every < size <= every
    assert found["hit_at_1"].rows == split.test[split.test["label"] == 1]["requirement"].nunique()
    assert found["hit_at_1"].value <= found["hit_at_5"].value <= found["in_shortlist"].value
    assert all(found[name].baseline is not None for name in ("f1", "average_precision", "hit_at_1", "recall"))


def test_the_gate_wants_a_gain_beyond_chance_and_the_first_match_no_worse() -> None:
    assert all(check.passed for check in gate(report((0.01, 0.2), (0.9, 0.9))))
    by_chance = gate(report((-0.01, 0.2), (0.9, 0.9)))
    assert [check.name for check in by_chance if not check.passed] == ["beats letter TF-IDF, f1"]
    worse = gate(report((0.01, 0.2), (0.88, 0.9)))
    assert [check.name for check in worse if not check.passed] == ["finds the first match"]
    assert all(check.reason for check in (*by_chance, *worse) if not check.passed)
