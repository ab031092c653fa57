from __future__ import annotations

from typing import Any

from serving.kernel.storage.version_manifest import Check, Metric
from tests.serving.added import manifest
from training.added.truth.words import UNKNOWN, judgement, sentence

FACTS: dict[str, Any] = {
    "metrics": (
        Metric(name="mae", value=1.25, baseline=2.5, gain_low=0.5, gain_high=1.5),
        Metric(name="r2", value=0.5, baseline=0.0),
    ),
    "gate": (Check(name="beats it", passed=False, measured="a|b", required="c"),),
    "split": {"kind": "time", "column": "day", "label": "amount", "data": "rows.csv"},
}


def test_a_judged_version_has_its_figures_and_its_split() -> None:
    text = "\n".join(judgement(manifest(**FACTS)))
    assert "| mae | all | 1.25 | 2.5 | 0.5 to 1.5 |" in text and "| r2 | all | 0.5 | 0 |  |" in text
    assert "| beats it | FAILED | a/b | c |" in text
    assert "the column `amount` of rows.csv, split by time (`day`): measured on the later half." in text
    assert text.endswith(UNKNOWN)
    assert sentence(manifest(**FACTS)) == "passed 1 checks of the gate on rows.csv; mae 1.25, baseline 2.5"
    other = manifest(**FACTS | {"split": FACTS["split"] | {"kind": "random", "column": ""}})
    assert "split at random: measured on about half of the rows" in "\n".join(judgement(other))


def test_a_version_without_known_answers_says_so() -> None:
    assert judgement(manifest()) == ["Its answers were **not judged**: no rows with known answers were given."]
    assert sentence(manifest()) == "not judged"
