"""Measures an added model beside naive baselines, and checks that it is better where it counts."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pandas as pd

from serving.kernel.storage.version_manifest import Check, Metric
from training.added.errors import AddError
from training.added.truth.cut import LEAST_BLOCKS
from training.measures.classification import (
    accuracy,
    auroc,
    average_precision,
    balanced_accuracy,
    brier,
    gain_interval,
    macro_f1,
)
from training.measures.evaluate import beside, mae, r2, rmse
from training.measures.gate import beats
from training.recipe import Evaluation

__all__ = ["LAST", "Judged", "of_classes", "of_probabilities", "of_values"]

Vector = npt.NDArray[Any]

SEED = 7
RESAMPLES, MANY_ROWS, FEW_RESAMPLES = 500, 20_000, 200
LEAST_OF_CLASS = 5
"""Held-out rows that two classes must have at least: the order of fewer says nothing."""
LAST = "beside the last value"
"""The slice of the metrics whose baseline is the value of the row before."""


@dataclass(frozen=True)
class Judged:
    """What was measured, and the checks of the gate."""

    evaluation: Evaluation
    checks: tuple[Check, ...]
    notes: tuple[str, ...] = ()
    """What a reader must know of the figures."""


@dataclass(frozen=True)
class _Beside:
    """Metrics of rows whose dependent ones form blocks."""

    blocks: Vector

    def __call__(
        self,
        name: str,
        measure: Callable[[Vector, Vector], float],
        actual: Vector,
        model: Vector,
        baseline: Vector,
        better: str = "higher",
        part: str = "all",
    ) -> Metric:
        sign = 1.0 if better == "higher" else -1.0

        def gained(truth: Vector, given: Vector) -> float:
            return sign * measure(truth, given)

        many = RESAMPLES if len(actual) <= MANY_ROWS else FEW_RESAMPLES
        gain = gain_interval(gained, actual, model, baseline, self.blocks, SEED, many)
        return beside(name, measure, actual, model, baseline, part, better=better, gain=gain)


def of_values(actual: Vector, predicted: Vector, before: Vector, last: Vector | None, blocks: Vector) -> Judged:
    """Numbers, beside mean and median of the values `before`, and beside the `last` value where it is known.

    The mean has the smallest squared error of all constants, and the median the smallest absolute error: a model
    is better than a constant when it has less of either, and when its answers rise with the actual values: a
    constant that is better by luck does not. Raises `AddError` for values that are all equal.
    """
    if (actual == actual[0]).all():
        raise AddError(f"--label: every held-out row has the value {actual[0]:g}; a model cannot be judged on it")
    measured = _Beside(blocks)
    middle, center = (np.full(len(actual), float(one)) for one in (np.median(before), before.mean()))
    absolute = measured("mae", mae, actual, predicted, middle, "lower")
    squared = measured("rmse", rmse, actual, predicted, center, "lower")
    same = measured("correlation", _correlation, actual, predicted, center)
    metrics = [absolute, squared, same, beside("r2", r2, actual, predicted, center, better="higher")]
    checks = [_better_than_a_constant(squared, absolute), _beats("one answer to every row", same)]
    rows = pd.DataFrame({"actual": actual, "predicted": predicted, "baseline": middle})
    known = np.zeros(len(actual), bool) if last is None else np.isfinite(last)
    if last is not None and len(set(blocks[known])) >= LEAST_BLOCKS:
        part = _Beside(blocks[known])
        metrics.append(part("mae", mae, actual[known], predicted[known], last[known], "lower", LAST))
        checks.append(_beats_last(metrics[-1]))
    return Judged(Evaluation(metrics=tuple(metrics), rows=rows), tuple(checks))


def of_probabilities(
    actual: Vector, stated: Vector, predicted: Vector, before: Vector, blocks: Vector, names: tuple[str, ...]
) -> Judged:
    """The probability of the second of two classes, beside its share `before`; `predicted` are classes.

    The order of the rows counts in the gate: a rare class is seldom the likelier one. Raises `AddError` when the
    held-out rows have too few of a class.
    """
    _enough_of_two(actual, names)
    measured = _Beside(blocks)
    share = np.full(len(actual), float(before.mean()))
    usual = np.full(len(actual), int(before.mean() > 0.5))
    ranked = measured("auroc", auroc, actual, stated, share)
    squares = measured("brier", brier, actual, stated, share, "lower")
    metrics = (
        ranked,
        measured("average_precision", average_precision, actual, stated, share),
        squares,
        measured("accuracy", accuracy, actual, predicted, usual),
        measured("balanced_accuracy", balanced_accuracy, actual, predicted, usual),
    )
    check = _beats("chance", ranked)
    if ranked.gain_high is not None and ranked.gain_high < 0:
        check = msgspec.structs.replace(
            check, reason=f"{check.reason}: its order is reversed; check the order of the classes"
        )
    notes = []
    if squares.gain_high is not None and squares.gain_high < 0:
        notes.append(
            f"Its probabilities of {names[1]} are further from the outcomes than the share of {names[1]} is: "
            "use their order, not their size."
        )
    rows = pd.DataFrame({"actual": actual, "predicted": stated, "baseline": share})
    return Judged(Evaluation(metrics=metrics, rows=rows, kind="probabilities"), (check,), tuple(notes))


def of_classes(
    actual: Vector, predicted: Vector, before: Vector, blocks: Vector, names: tuple[str, ...]
) -> Judged:
    """Numbers of classes, beside the most frequent class `before`.

    Each class counts the same in the gate. Raises `AddError` when the held-out rows have too few of two classes.
    """
    _enough_of_two(actual, names)
    measured = _Beside(blocks)
    usual = np.full(len(actual), np.bincount(before).argmax())
    metrics = (
        measured("balanced_accuracy", balanced_accuracy, actual, predicted, usual),
        measured("accuracy", accuracy, actual, predicted, usual),
        measured("macro_f1", macro_f1, actual, predicted, usual),
    )
    named = np.array([*names, "(another answer)"], object)
    rows = pd.DataFrame({"actual": named[actual], "predicted": named[predicted], "baseline": named[usual]})
    check = _beats("the most frequent class", metrics[0])
    return Judged(Evaluation(metrics=metrics, rows=rows, kind="classes"), (check,))


def _correlation(actual: Vector, predicted: Vector) -> float:
    """Pearson's; 0 where either is constant."""
    left, right = actual - actual.mean(), predicted - predicted.mean()
    spread = math.sqrt(float(left @ left) * float(right @ right))
    return float(left @ right) / spread if spread > 0 else 0.0


def _enough_of_two(actual: Vector, names: tuple[str, ...]) -> None:
    counts = np.bincount(actual, minlength=len(names))
    if (counts >= LEAST_OF_CLASS).sum() >= 2:
        return
    shown = ", ".join(f"{counts[place]} of {names[place]}" for place in np.argsort(-counts, kind="stable")[:5])
    raise AddError(
        f"--label: the held-out rows are {shown}; two classes need at least {LEAST_OF_CLASS} each. "
        "Give more rows, split them otherwise, or leave out --label: the model is then added without being judged"
    )


def _better_than_a_constant(squared: Metric, absolute: Metric) -> Check:
    found = [_beats("the mean", squared), _beats("the median", absolute)]
    passed = any(check.passed for check in found)
    return Check(
        name="beats the mean or the median",
        passed=passed,
        measured="; ".join(check.measured for check in found),
        required="the 95 % interval of the gain in rmse over the mean, or in mae over the median, lies above 0",
        reason="" if passed else "; ".join(dict.fromkeys(check.reason for check in found)),
    )


def _beats_last(metric: Metric) -> Check:
    check = _beats("the last value", metric)
    if check.passed:
        return check
    advice = "if that value is not known yet when the model is asked, leave out --time or split with --group"
    return msgspec.structs.replace(check, reason=f"{check.reason}; {advice}")


def _beats(whom: str, metric: Metric) -> Check:
    return beats(whom, metric.name, metric, _digits(value for value in (metric.value, metric.baseline or 0.0)))


def _digits(values: Iterator[float]) -> int:
    """Digits after the point that show four of the largest value."""
    largest = max(map(abs, values))
    if not largest or not math.isfinite(largest):
        return 4
    return int(np.clip(3 - math.floor(math.log10(largest)), 0, 12))
