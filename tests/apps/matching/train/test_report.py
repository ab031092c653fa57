from __future__ import annotations

from dataclasses import replace

import numpy as np

from apps.matching.train.pairs import availabilities, flat, requirements
from apps.matching.train.report import evaluation, gate
from serving.kernel.storage.version_manifest import Metric
from tests.apps.matching.pairs import fitted, synthetic_split
from training.measures.chance import CHANCE
from training.recipe import Evaluation


def report(
    f1: tuple[float, float], first: tuple[float, float], chance: tuple[float, float] = (0.1, 0.2)
) -> Evaluation:
    def metric(
        name: str, gain: tuple[float, float] | None, value: float = 0.8, baseline: float = 0.6, part: str = "all"
    ) -> Metric:
        low, high = gain or (None, None)
        return Metric(
            name=name, value=value, baseline=baseline, slice=part, better="higher", gain_low=low, gain_high=high
        )

    metrics = (
        metric("f1", f1),
        metric("average_precision", (0.1, 0.2)),
        metric("hit_at_1", None, *first),
        metric("average_precision", (0.1, 0.2), part=CHANCE),
        metric("precision", chance, part=CHANCE),
    )
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

    lottery = gate(report((0.01, 0.2), (0.9, 0.9), chance=(-0.1, 0.1)))
    assert [check.name for check in lottery if not check.passed] == ["beats drawing at random, precision"]


def failed(labels: np.ndarray) -> set[str]:
    """The checks that fail when the test pairs have these labels."""
    _, split = synthetic_split()
    parts = replace(split, test=split.test.assign(label=labels))
    return {check.name for check in gate(evaluation(fitted().model, parts)) if not check.passed}


def test_labels_that_follow_nothing_are_refused() -> None:
    _, split = synthetic_split()
    labels = np.random.default_rng(1).permutation(split.test["label"].to_numpy())
    assert failed(labels) >= {"beats drawing at random, precision", "beats letter TF-IDF, average_precision"}


def test_a_faint_signal_is_refused_where_it_may_be_chance_and_where_letters_say_as_much() -> None:
    """A tenth of the pairs have the label they should have, the others one by lot."""
    _, split = synthetic_split()
    random, labels = np.random.default_rng(2), split.test["label"].to_numpy()
    faint = np.where(random.random(len(labels)) < 0.1, labels, random.permutation(labels))
    found = failed(faint)
    assert found >= {"beats letter TF-IDF, f1"}
    assert any(name.startswith("beats drawing at random") for name in found)


def test_labels_that_the_model_gives_are_a_perfect_rule() -> None:
    _, split = synthetic_split()
    model = fitted().model
    score = model.score(flat(requirements(split.test), availabilities(split.test)))
    found = failed((score >= model.threshold).astype(int))
    assert not {name for name in found if name.startswith("beats drawing at random")}
