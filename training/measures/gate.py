"""The gate: the checks a version must pass to be registered. Each check reports what it measured and required."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pandas as pd

from serving.kernel.storage.version_manifest import Check, Metric, Parity
from serving.kernel.tensors import Arrays
from training.data.leaks import suspects
from training.errors import GateRefused
from training.recipe import Evaluation, Recipe

__all__ = [
    "beats",
    "check_columns",
    "check_finite",
    "check_metrics",
    "check_parity",
    "check_suspects",
    "judge",
    "no_worse",
    "refuse",
    "verdict",
    "write_report",
]


def judge(
    recipe: Recipe[Any], tidy: pd.DataFrame, evaluation: Evaluation, allowed: Sequence[str] = ()
) -> tuple[Check, ...]:
    """The checks that need no exported model: those of every app, and the recipe's own."""
    return (
        check_columns(recipe, tidy),
        check_suspects(recipe, tidy, allowed),
        check_metrics(evaluation),
        *recipe.checks(evaluation),
    )


def refuse(checks: Iterable[Check]) -> None:
    """Raise `GateRefused` when a check did not pass."""
    report = tuple(checks)
    if not all(check.passed for check in report):
        raise GateRefused(report)


def write_report(folder: Path, name: str, lines: Iterable[msgspec.Struct]) -> None:
    """Write checks or parity lines to `report/<name>.json` in the folder."""
    path = folder / "report" / f"{name}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(list(lines))) + b"\n")


def beats(whom: str, measure: str, metric: Metric | None, digits: int = 4) -> Check:
    """A check for recipes: the gain of `metric` over its baseline is more than chance.

    `whom` names the baseline and, after a comma, the part of the rows. Without an interval the check fails.
    """
    measured, reason = "nothing", "there are no test rows to measure it on"
    if metric is not None and metric.baseline is not None:
        measured = f"{measure} {metric.value:.{digits}f} beside {metric.baseline:.{digits}f}; no interval"
        reason = "the test part is too short for a bootstrap interval"
        if metric.gain_low is not None and metric.gain_high is not None:
            gain = f"gain {metric.gain_low:.{digits}f} to {metric.gain_high:.{digits}f}"
            measured = measured.replace("no interval", gain)
            sign = 1 if metric.better == "higher" else -1
            worse = sign * (metric.value - metric.baseline) <= 0
            reason = f"{whom.partition(',')[0]} is at least as good" if worse else "the gain may be chance"
            reason = "" if metric.gain_low > 0 else reason
    return Check(
        name=f"beats {whom}",
        passed=not reason,
        measured=measured,
        required=f"the 95 % interval of the gain in {measure} lies above 0",
        reason=reason,
    )


def no_worse(whom: str, measure: str, metric: Metric, digits: int = 4) -> Check:
    """A check for recipes: the interval of the gain of `metric` over its baseline does not lie below 0.

    `whom` names the baseline and, after a comma, the part of the rows. Without an interval the check passes: use
    it beside `beats`.
    """
    known = metric.gain_low is not None and metric.gain_high is not None
    gain = f"gain {metric.gain_low:.{digits}f} to {metric.gain_high:.{digits}f}" if known else "no interval"
    return verdict(
        f"no worse than {whom}",
        metric.gain_high is None or metric.gain_high >= 0,
        measured=f"{measure} {metric.value:.{digits}f} beside {metric.baseline or 0.0:.{digits}f}; {gain}",
        required=f"the 95 % interval of the gain in {measure} does not lie below 0",
        failure=f"{whom.partition(',')[0]} is better",
    )


def verdict(name: str, passed: bool, measured: str, required: str, failure: str) -> Check:
    """For a recipe's own checks: a check that gives `failure` as its reason where it did not pass."""
    return Check(name=name, passed=passed, measured=measured, required=required, reason="" if passed else failure)


def check_columns(recipe: Recipe[Any], tidy: pd.DataFrame) -> Check:
    """Check that no forbidden column is in the table or among the features."""
    known = {str(name) for name in tidy.columns} | set(recipe.app.feature_names)
    found = sorted(known & set(recipe.forbidden))
    listed = ", ".join(found)
    return verdict("leak columns", not found, listed or "none", "none", f"{listed} would leak the target")


def check_suspects(recipe: Recipe[Any], tidy: pd.DataFrame, allowed: Sequence[str]) -> Check:
    """Check that no column alone gives the answer away, and no pair, except those that were allowed by name."""
    refused = [f"{one.named} {one.reason}" for one in suspects(recipe, tidy) if not one.is_allowed(allowed)]
    return verdict(
        "columns that look like leaks",
        not refused,
        # Some are allowed because of another check, or because they are part of a column of the tidy table.
        measured=", ".join([*refused, *(f"{name} (allowed)" for name in allowed)]) or "none",
        required="none, or --allow-column",
        failure=refused[0] if refused else "",
    )


def check_metrics(evaluation: Evaluation) -> Check:
    """Check that every metric is finite, and that at least one has a baseline."""
    broken = [f"{metric.name} ({metric.slice})" for metric in evaluation.metrics if not np.isfinite(metric.value)]
    bare = not any(metric.baseline is not None for metric in evaluation.metrics)
    reason = f"{broken[0]} is not finite" if broken else "no metric has a baseline" if bare else ""
    return Check(
        name="metrics",
        passed=not reason,
        measured=f"{len(evaluation.metrics) - len(broken)} of {len(evaluation.metrics)} finite",
        required="all finite, with a baseline",
        reason=reason,
    )


def check_finite(outputs: Arrays, rows: int) -> Check:
    """Check that the first `rows` outputs are finite. Those rows are held-out; extreme rows may overflow."""
    broken = {
        name: int((~np.isfinite(array[:rows])).any(axis=tuple(range(1, array.ndim))).sum())
        for name, array in outputs.items()
        if np.issubdtype(array.dtype, np.floating)
    }
    worst = max(broken, key=lambda name: broken[name], default="")
    count = broken.get(worst, 0)
    return verdict(
        "finite outputs",
        count == 0,
        measured=f"{count} of {rows} rows not finite",
        required="0",
        failure=f"output {worst!r} is NaN or infinite in {count} rows",
    )


def check_parity(report: Sequence[Parity]) -> tuple[Check, ...]:
    """One check for each line of the parity report."""
    return tuple(
        verdict(
            f"parity {line.pair} {line.output}",
            line.max_error <= line.tolerance and line.flips == 0,
            measured=f"{line.max_error:.3g}, {line.flips} flips over {line.rows} rows",
            required=f"at most {line.tolerance:g}, 0 flips",
            failure=f"{line.pair} differ by {line.max_error:.3g} in row {line.worst_row} with {line.flips} flips",
        )
        for line in report
    )
