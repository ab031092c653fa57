from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from benchmarks.manifests.edit import Mutation, put
from benchmarks.manifests.measure import families, good, measure, outcome, texts
from benchmarks.manifests.mutations import MUTATIONS
from benchmarks.manifests.server_corpus import recorded
from control.lint.manifests.docs_page import Rate, page
from control.lint.manifests.lint import lint_objects, lint_texts
from control.lint.manifests.options import LintOptions
from control.lint.rules import manifest_rules

FRESH = "out of date: run `python -m benchmarks.manifests`"


def test_good_manifests_have_no_finding(schemas: Path) -> None:
    assert lint_objects(good().values(), LintOptions(schemas=schemas)) == []
    assert lint_texts(list(texts()), LintOptions(schemas=schemas)) == []


@pytest.mark.slow
def test_everything_broken_is_caught_by_the_rule_that_should(root: Path, schemas: Path) -> None:
    outcomes = measure(LintOptions(schemas=schemas))
    missed = [
        f"{i.mutation.target}: {i.mutation.breaks}: {i.rules}"
        for i in outcomes
        if not i.caught and i.mutation.rule
    ]
    assert missed == []
    known = [item for item in outcomes if not item.mutation.rule]
    assert [item.mutation.breaks for item in known if item.rules] == []
    written = (root / "docs" / "manifests.md").read_text()
    rates = [Rate(*row) for row in families(outcomes)]
    assert written == page(rates, [item.mutation.breaks for item in known], recorded()), FRESH


def test_the_corpus_is_large_and_names_everything_once() -> None:
    broken = [mutation for mutation in MUTATIONS if mutation.rule]
    assert len(broken) >= 150
    names = Counter((mutation.family, mutation.breaks) for mutation in MUTATIONS)
    assert [name for name, count in names.items() if count > 1] == []


def test_almost_every_rule_is_in_the_corpus() -> None:
    # What is about a whole folder, a tool or an older release is tested where it is written.
    elsewhere = {
        "SLW004",
        "SLW106",
        "SLW107",
        "SLW110",
        "SLW220",
        "SLW901",
        "SLW902",
        "SLW903",
        "SLW904",
        "SLW905",
    }
    assert {mutation.rule for mutation in MUTATIONS if mutation.rule} == set(manifest_rules()) - elsewhere


def test_a_mutation_that_changes_nothing_is_an_error() -> None:
    with pytest.raises(ValueError, match="nothing was changed"):
        outcome(
            Mutation("pod", "nothing", "Service/gateway", "SLW201", put("metadata name", "gateway")), LintOptions()
        )
    with pytest.raises(ValueError, match="is not in"):
        outcome(Mutation("yaml", "nothing", "ray.yaml", "SLW001", text=("not there", "x")), LintOptions())
