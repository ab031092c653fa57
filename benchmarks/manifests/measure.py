"""Break the good manifests one way at a time and see whether the rule that should says so."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from benchmarks.manifests.edit import Mutation
from benchmarks.manifests.mutations import MUTATIONS
from control.lint.manifests.lint import lint_objects, lint_texts
from control.lint.manifests.options import LintOptions
from control.lint.manifests.strict_yaml import read

__all__ = ["GOOD", "Outcome", "families", "good", "measure", "outcome"]

GOOD = Path(__file__).parent / "good"
NEEDS_SCHEMAS = "crd"
"""The family that only definitions can catch."""


@dataclass(frozen=True)
class Outcome:
    """What was found in one broken manifest beyond what is found in the good ones."""

    mutation: Mutation
    rules: tuple[str, ...]

    @property
    def caught(self) -> bool:
        """Whether the rule that should have found it did."""
        return self.mutation.rule in self.rules


def good() -> dict[str, dict[str, Any]]:
    """`Kind/name` -> object."""
    found: dict[str, dict[str, Any]] = {}
    for _, text in texts():
        for document in read(text):
            body = document.value
            found[f"{body['kind']}/{body['metadata']['name']}"] = body
    return found


@cache
def texts() -> tuple[tuple[str, str], ...]:
    """(file, text) of the good manifests."""
    return tuple((path.name, path.read_text()) for path in sorted(GOOD.glob("*.yaml")))


def outcome(mutation: Mutation, options: LintOptions) -> Outcome:
    """Lint everything with one thing broken. Raises `ValueError` when the mutation changes nothing."""
    if mutation.text is not None:
        found = lint_texts(_edited(mutation), options)
        return Outcome(mutation, tuple(sorted({finding.id for finding in found})))
    objects = good()
    body = objects[mutation.target]
    before = copy.deepcopy(body)
    if mutation.change is not None:
        mutation.change(body)
    if body == before:
        raise ValueError(f"{mutation.breaks}: nothing was changed in {mutation.target}")
    found = lint_objects(objects.values(), options)
    return Outcome(mutation, tuple(sorted({finding.id for finding in found})))


def measure(options: LintOptions, mutations: Sequence[Mutation] = tuple(MUTATIONS)) -> list[Outcome]:
    """All outcomes, without the family that needs schemas where there are none."""
    chosen = [item for item in mutations if options.schemas is not None or item.family != NEEDS_SCHEMAS]
    return [outcome(mutation, options) for mutation in chosen]


def families(outcomes: Sequence[Outcome]) -> list[tuple[str, int, int]]:
    """(family, broken manifests, caught) in the order of the corpus; what is known to pass is left out."""
    named = list(dict.fromkeys(item.mutation.family for item in outcomes if item.mutation.rule))
    of = {name: [item for item in outcomes if item.mutation.family == name] for name in named}
    return [(name, len(items), sum(item.caught for item in items)) for name, items in of.items()]


def _edited(mutation: Mutation) -> list[tuple[str, str]]:
    old, new = mutation.text or ("", "")
    edited = []
    for file, text in texts():
        if file == mutation.target:
            if old not in text:
                raise ValueError(f"{mutation.breaks}: {old!r} is not in {file}")
            text = text.replace(old, new, 1)
        edited.append((file, text))
    return edited
