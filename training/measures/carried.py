"""What a fitted version's skill rests on: its score on test rows, and what is left of it without single columns.

A column is taken away by shuffling its values among the rows, which keeps their distribution.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from serving.kernel.storage.version_manifest import Check
from training.errors import DataError
from training.fit.leakage import way_out
from training.measures.classification import auroc, macro_f1
from training.measures.evaluate import mae
from training.measures.gate import verdict
from training.recipe import Evaluation, Fitted, Recipe, Split

__all__ = ["Carried", "carried", "check_carried"]

Flags = npt.NDArray[np.bool_]

NAME, REQUIRED = "columns that carry everything", "none, or --allow-column"
ROWS = 1000
"""Up to about so many test rows are answered for each column."""
LEAST_SKILL = 0.3
"""With less skill, the share that a column carries is mostly chance."""
EVERYTHING, NOTHING = 0.95, 0.1
"""Least share of the skill that is lost without one column, and largest share lost without all others.

In the set `http`, one column honestly carries 0.89; without the others, 0.004 are lost.
"""
COSTS = 0.1
"""Least share of the skill that is lost without a column that is named for an implausibly good score."""
LEAST_ROWS = 200
"""In fewer test rows, an honest score of 0.98 is often 1."""
SHUFFLES, HEAVY = 3, 0.5
"""How often a column is shuffled without which at least a share `HEAVY` is lost, and the costliest one.

The losses are means. The others are shuffled once.
"""
DEALS = 20
"""How often answers are dealt to the rows at random, for the score of chance."""
SEED = 11


@dataclass(frozen=True)
class Carried:
    """The score of a version, and the shares of its skill that are lost when columns are shuffled."""

    skill: float
    """1 for answers without an error, 0 for answers dealt to the rows at random (values: the naive baseline's)."""
    score: str
    """The measures behind the skill, in words."""
    rows: int
    lost: dict[str, float]
    """Column to the share that is lost without it; above 1 where the rest does worse than chance."""
    others: dict[str, float]
    """The share lost without all other columns together, for columns that carry at least `EVERYTHING`."""


def check_carried(recipe: Recipe[Any], fitted: Fitted, split: Split, allowed: Sequence[str] = ()) -> Check:
    """Check that no column carries the whole prediction, and that none is behind an implausibly good score.

    Columns in `allowed` pass. Those that the recipe expects to carry the prediction pass unless the score is
    implausibly good.
    """
    found = carried(recipe, fitted, split)
    if found is None:
        measured = "; ".join(["not measured: no column to shuffle, or too little skill", *_past(recipe)])
        return verdict(NAME, True, measured, REQUIRED, "")
    reasons = _reasons(recipe, found, allowed)
    refused = [name for name in reasons if name not in allowed]
    kept = [name for name in reasons if name in allowed]
    first = refused[0] if refused else ""
    return verdict(
        NAME,
        not refused,
        measured="; ".join([f"{found.score} in {found.rows} test rows", *_shares(recipe, found, kept)]),
        required=REQUIRED,
        failure=f"column {first!r} {reasons[first]}; {way_out(first)}" if refused else "",
    )


def carried(recipe: Recipe[Any], fitted: Fitted, split: Split) -> Carried | None:
    """Measure what single columns carry; None where there is no column or too little skill."""
    part = recipe.sample(split.test, ROWS)
    names = [name for name in recipe.inputs(part) if part[name].nunique(dropna=False) > 1]
    if not names:
        return None
    random = np.random.default_rng(SEED)
    orders = [random.permutation(len(part)) for _ in range(SHUFFLES)]
    whole = _answers(recipe, fitted, replace(split, test=part))
    if whole is None:
        return None
    chosen = _easiest(whole)
    skill, score = _skill(whole, whole, chosen)
    if not skill >= LEAST_SKILL:  # NaN too
        return None

    def lost(columns: Sequence[str], times: int = SHUFFLES) -> float:
        left = []
        for order in orders[:times]:
            changed = part.assign(**{name: part[name].array[order] for name in columns})
            found = _answers(recipe, fitted, replace(split, test=changed))
            if found is None or len(found.rows) != len(whole.rows):
                return 0.0  # the column decides which rows are judged
            left.append(_skill(found, whole, chosen)[0])
        return 1 - float(np.mean(left)) / skill

    alone = {name: lost([name], times=1) for name in names}
    costly = max(alone, key=lambda name: alone[name])
    alone |= {name: lost([name]) for name, share in alone.items() if share >= HEAVY or name == costly}
    # A single column has to carry everything.
    heavy = [name for name, share in alone.items() if share >= EVERYTHING and len(names) > 1]
    others = {name: lost([other for other in names if other != name]) for name in heavy}
    return Carried(skill, score, int(chosen.sum()), alone, others)


def _answers(recipe: Recipe[Any], fitted: Fitted, split: Split) -> Evaluation | None:
    """The answers; None where the recipe cannot judge such rows."""
    try:
        return recipe.answers(fitted, split)
    except DataError:
        return None


def _reasons(recipe: Recipe[Any], found: Carried, allowed: Sequence[str]) -> dict[str, str]:
    """Column to the reason for refusing it, the most suspicious one first.

    An allowed column that costs something explains a good score before all others do.
    """
    reasons = {}
    costly = max(found.lost, key=lambda name: (name in allowed and found.lost[name] >= COSTS, found.lost[name]))
    if found.skill >= recipe.implausible and found.rows >= LEAST_ROWS and found.lost[costly] >= COSTS:
        cost = f"{found.lost[costly]:.0%} of the skill is lost without it"
        reasons[costly] = f"is behind an implausibly good score ({found.score}): {cost}"
    for name, share in found.others.items():
        # The past of the target cannot be shuffled with the other columns.
        expected = name in recipe.carriers or recipe.target in recipe.carriers
        if share <= NOTHING and not expected:
            reasons.setdefault(
                name,
                f"carries the prediction: {found.lost[name]:.0%} of the skill is lost without it, and "
                f"{max(share, 0.0):.0%} without all other columns ({found.score})",
            )
    return reasons


def _shares(recipe: Recipe[Any], found: Carried, allowed: Sequence[str]) -> Iterator[str]:
    """Yield what the costliest column, allowed and expected ones carry, in words for the card."""
    costly = max(found.lost, key=lambda name: found.lost[name])
    expected = [name for name in found.others if name in recipe.carriers]
    for name in dict.fromkeys([costly, *allowed, *expected]):
        why = f" (expected: {recipe.carriers[name]})" if name in recipe.carriers else ""
        why = " (allowed)" if name in allowed else why
        yield f"{found.lost[name]:.0%} of the skill is lost without {name}{why}"
    yield from _past(recipe)


def _past(recipe: Recipe[Any]) -> Iterator[str]:
    """Yield why the past of the target is expected to carry the prediction, where it is."""
    if recipe.target is not None and recipe.target in recipe.carriers:
        yield f"expected of the past of {recipe.target}: {recipe.carriers[recipe.target]}"


def _easiest(found: Evaluation) -> Flags:
    """The rows to measure: of values in slices, those of the slice with the most skill, such as one horizon."""
    every = np.ones(len(found.rows), dtype=np.bool_)
    if found.kind != "values" or "slice" not in found.rows:
        return every
    names, counts = np.unique(found.rows["slice"].astype(str), return_counts=True)
    slices = [(found.rows["slice"].astype(str) == name).to_numpy() for name in names[counts >= LEAST_ROWS]]
    skills = [_skill(found, found, one)[0] for one in slices]
    return slices[int(np.nanargmax(skills))] if np.isfinite(skills).any() else every


def _skill(found: Evaluation, whole: Evaluation, chosen: Flags) -> tuple[float, str]:
    """The skill in the chosen rows, and the measure behind it in words. The naive baseline is that of `whole`."""
    actual = found.rows["actual"].to_numpy()[chosen]
    answer = found.rows["score" if "score" in found.rows else "predicted"].to_numpy()[chosen]
    if found.kind == "values":
        if "baseline" not in whole.rows:
            return float("nan"), ""
        naive = mae(actual, whole.rows["baseline"].to_numpy()[chosen])
        part = mae(actual, answer) / naive if naive > 0 else float("nan")
        return 1 - part, f"error {part:.3g} of the naive baseline's"
    if found.kind == "probabilities":
        area = auroc(actual, answer)
        return 2 * area - 1, f"AUROC {area:.4f}"
    codes = pd.factorize(np.concatenate([actual, answer]), sort=True)[0]
    truth, given = codes[: len(actual)], codes[len(actual) :]
    random = np.random.default_rng(SEED)
    chance = float(np.mean([macro_f1(truth, random.permutation(given)) for _ in range(DEALS)]))
    score = macro_f1(truth, given)
    return (score - chance) / (1 - chance) if chance < 1 else float("nan"), f"macro-F1 {score:.4f}"
