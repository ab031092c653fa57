"""What a fitted vendor model is worth: metrics beside the vendor's own late share, and the gate."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from serving.apps.vendor.recipe_history import NOTICES
from serving.inference.contract import Arrays
from serving.manifest import Check, Metric
from training.classification import (
    auroc,
    average_precision,
    brier,
    calibration_error,
    gain_interval,
    precision,
    recall,
)
from training.contract import Evaluation
from training.evaluate import beside

__all__ = ["GATED", "WATCHED", "evaluation", "gate", "judged", "slice_of"]

GATED = 7
"""The notice, in days, at which the gate wants a gain in ranking beyond chance: time enough to act."""
WATCHED = (7, 30)
"""Notices with an interval, and with probabilities that the gate wants better than the baseline's."""
MEASURES: tuple[tuple[str, Callable[[Any, Any], float], str], ...] = (
    ("auroc", auroc, "higher"),
    ("average_precision", average_precision, "higher"),
    ("brier", brier, "lower"),
    ("calibration_error", calibration_error, "lower"),
)
RESAMPLES = 200


def slice_of(notice: int) -> str:
    """The name of a notice among the slices."""
    return f"{notice} days ahead" if notice > 1 else "1 day ahead"


def judged(tidy: pd.DataFrame, outputs: Arrays, baseline_threshold: float) -> pd.DataFrame:
    """The model's and the baseline's answers beside the truth, one row per row of the tidy table.

    Columns `actual`, `predicted`, `baseline` (the vendor's smoothed late share), `flagged` (high risk) and
    `baseline_flagged`, `notice` (days), `from_stock`, `week` (of the scheduled day) and `slice`.
    """
    notice = (tidy["scheduled"] - tidy["asked"]).dt.days.to_numpy()
    baseline = outputs["vendor_rate"][:, 0].astype(float)
    return pd.DataFrame(
        {
            "actual": tidy["late"].to_numpy(dtype=float),
            "predicted": outputs["probability"][:, 0].astype(float),
            "baseline": baseline,
            "flagged": (outputs["excess"][:, 1] > 0).astype(float),
            "baseline_flagged": (baseline > baseline_threshold).astype(float),
            "notice": notice,
            "from_stock": (tidy["fulfilment"] == "stock").to_numpy(),
            "week": tidy["scheduled"].to_numpy().astype("datetime64[D]").astype(np.int64) // 7,
            "slice": [slice_of(one) for one in notice],
        }
    )


def evaluation(rows: pd.DataFrame, seed: int) -> Evaluation:
    """Metrics by notice, with intervals where the gate reads them, and by way of delivery a month ahead."""
    metrics: list[Metric] = []
    for notice in NOTICES:
        part = rows[rows["notice"] == notice]
        metrics += _measured(part, slice_of(notice), seed if notice in WATCHED else None)
        if notice in WATCHED:
            metrics += _alerts(part, slice_of(notice))
    month = rows[rows["notice"] == 30]
    for name, chosen in (("from stock", month["from_stock"]), ("direct", ~month["from_stock"])):
        metrics += _measured(month[chosen], f"{slice_of(30)}, {name}", None)
    kept = ["actual", "predicted", "baseline", "slice", "notice"]
    return Evaluation(metrics=tuple(metrics), rows=rows[kept], kind="probabilities")


def gate(evaluation: Evaluation) -> Sequence[Check]:
    """Ranks better than the vendor's own late share beyond chance, with better probabilities."""
    found = {(metric.name, metric.slice): metric for metric in evaluation.metrics}
    checks = [_beats(found.get(("auroc", slice_of(GATED))), slice_of(GATED))]
    return checks + [_no_worse(found.get(("brier", slice_of(notice))), slice_of(notice)) for notice in WATCHED]


def _measured(rows: pd.DataFrame, part: str, seed: int | None) -> Iterator[Metric]:
    """All measures of a part that has both outcomes; with a seed, AUROC with its bootstrap interval."""
    if rows["actual"].nunique() < 2:
        return
    columns = [rows[name].to_numpy() for name in ("actual", "predicted", "baseline")]
    for name, measure, better in MEASURES:
        gain = _gain(rows, measure, seed) if seed is not None and name == "auroc" else None
        yield beside(name, measure, *columns, part=part, better=better, gain=gain)


def _gain(rows: pd.DataFrame, measure: Callable[[Any, Any], float], seed: int) -> tuple[float, float] | None:
    """Shipments due in the same week, of all vendors, are resampled together."""
    columns = [rows[name].to_numpy() for name in ("actual", "predicted", "baseline", "week")]
    try:
        return gain_interval(measure, *columns, seed=seed, resamples=RESAMPLES)
    except ValueError:
        return None


def _alerts(rows: pd.DataFrame, part: str) -> Iterator[Metric]:
    """What the level `high` catches, beside the baseline with a threshold of the same budget; and the share late,
    which precision must be compared with."""
    if rows.empty:
        return
    columns = [rows[name].to_numpy() for name in ("actual", "flagged", "baseline_flagged")]
    yield beside("precision", precision, *columns, part=f"{part}, high risk", better="higher")
    yield beside("recall", recall, *columns, part=f"{part}, high risk", better="higher")
    for name in ("flagged", "actual"):
        share = float(rows[name].mean())
        yield Metric(name=f"share_{name}", value=share, slice=part, better="nominal", rows=len(rows))


def _beats(metric: Metric | None, part: str) -> Check:
    name, required = f"beats the vendor's own share, {part}", "the 95 % interval of the gain in AUROC lies above 0"
    if metric is None or metric.baseline is None:
        reason = "no test rows with both outcomes"
        return Check(name=name, passed=False, measured="nothing", required=required, reason=reason)
    measured = f"AUROC {metric.value:.3f} beside {metric.baseline:.3f}"
    if metric.gain_low is None or metric.gain_high is None:
        reason = "the test part is too short for a bootstrap interval"
        return Check(name=name, passed=False, measured=measured, required=required, reason=reason)
    passed = metric.gain_low > 0
    worse = metric.value <= metric.baseline
    reason = "the vendor's own share is at least as good" if worse else "the gain may be chance"
    return Check(
        name=name,
        passed=passed,
        measured=f"{measured}; gain {metric.gain_low:.3f} to {metric.gain_high:.3f}",
        required=required,
        reason="" if passed else reason,
    )


def _no_worse(metric: Metric | None, part: str) -> Check:
    value, baseline = (metric.value, metric.baseline or 0.0) if metric else (float("nan"), 0.0)
    return Check(
        name=f"Brier score, {part}",
        passed=value < baseline,
        measured=f"{value:.4f} beside {baseline:.4f}",
        required="below the vendor's own share's",
        reason="" if value < baseline else "the vendor's own share is the better probability",
    )
