"""Real files through the pipeline's own steps up to the gate, fitted in this process.

What fits here is what runs in Ray Train's workers, with the same result: tests/training/fit/test_trainer.py and
test_torch_fit.py hold that. Each app's fit goes through Ray Train in tests/contract.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from serving.kernel.storage.version_manifest import Check, Metric
from training.data import split
from training.data.validate import tidied, validate
from training.measures import gate
from training.measures.carried import check_carried
from training.onnx import export, parity
from training.recipe import Dataset, Evaluation, Fitted, Recipe, RecipeOptions, Split
from training.tune.trial import TrialTrainer

SEED = 7


@dataclass(frozen=True)
class Judged:
    """A fitted version of a file and what the gate says of it."""

    recipe: Recipe[Any]
    parts: Split
    made: Fitted
    report: Evaluation
    checks: tuple[Check, ...]

    @property
    def metrics(self) -> Mapping[tuple[str, str], Metric]:
        """By name and slice."""
        return {(metric.name, metric.slice): metric for metric in self.report.metrics}

    def parity(self, path: Path) -> tuple[Check, ...]:
        """Export the graph to `path`; what the gate says of it beside the native model."""
        export.save(self.recipe.app, self.recipe.export(self.made), path)
        inputs = self.recipe.parity_inputs(self.made, self.parts)
        return tuple(gate.check_parity(parity.report(self.recipe, self.made.predict, path, inputs)))


def table(recipe: Recipe[Any], dataset: Dataset) -> pd.DataFrame:
    """The valid table; treat as read-only."""
    return validate(recipe, tidied(recipe, dataset, RecipeOptions()), dataset)


def judged(recipe: Recipe[Any], tidy: pd.DataFrame) -> Judged:
    """Split, fit, evaluate, judge."""
    parts = split.check(recipe.split(tidy), recipe.time_column)
    made = recipe.fit(parts, TrialTrainer(SEED, 1, {}, lambda percent, loss: None))
    report = recipe.evaluate(made, parts)
    checks = (*gate.judge(recipe, tidy, report), check_carried(recipe, made, parts))
    return Judged(recipe, parts, made, report, checks)
