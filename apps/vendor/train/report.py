"""Metrics of a vendor model compared with the vendor's own late share, and the gate."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from apps.vendor.train.history import NOTICES
from serving.kernel.storage.version_manifest import Check, Metric
from serving.kernel.tensors import Arrays
from training.measures.block_bootstrap import mean_gain
from training.measures.chance import beside_chance, part_of
from training.measures.classification import (
    auroc,
    average_precision,
    brier,
    calibration_error,
    gain_interval,
    precision,
    recall,
)
from training.measures.evaluate import beside
from training.measures.evaluation_rows import keyed
from training.measures.gate import beats, no_worse, verdict
from training.recipe import Evaluation

__all__ = ["GATED", "WATCHED", "evaluation", "gate", "judged", "named", "slice_of"]

GATED = 1
"""The notice, in days, at which the gate requires a significant gain."""
WATCHED = (7, 30)
"""Notices at which the gate requires better probabilities on the test part, significant or not."""
MEASURES: tuple[tuple[str, Callable[[Any, Any], float], str], ...] = (
    ("auroc", auroc, "higher"),
    ("average_precision", average_precision, "higher"),
    ("brier", brier, "lower"),
    ("calibration_error", calibration_error, "lower"),
)
RESAMPLES = 100
LEAST_WEEKS = 10
"""Minimum number of weeks for an interval."""


def slice_of(notice: int) -> str:
    """Return the name of a notice's slice."""
    return f"{notice} days ahead" if notice > 1 else "1 day ahead"


def judged(tidy: pd.DataFrame, outputs: Arrays, baseline_threshold: float) -> pd.DataFrame:
    """Return the answers of model and baseline with the outcomes, one row per row of the tidy table.

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
    """Return metrics by notice with intervals, and by fulfilment a month ahead."""
    metrics: list[Metric] = []
    for notice in NOTICES:
        part = rows[rows["notice"] == notice]
        metrics += _measured(part, slice_of(notice), seed)
        metrics += _beside_chance(part, slice_of(notice), seed)
        if notice in WATCHED:
            metrics += _alerts(part, slice_of(notice), seed)
    month = rows[rows["notice"] == 30]
    for name, chosen in (("from stock", month["from_stock"]), ("direct", ~month["from_stock"])):
        metrics += _measured(month[chosen], f"{slice_of(30)}, {name}", None)
    kept = ["actual", "predicted", "baseline", "slice", "notice"]
    return Evaluation(metrics=tuple(metrics), rows=rows[kept], kind="probabilities")


def named(found: Evaluation, week: pd.Series[int], tidy: pd.DataFrame) -> Evaluation:
    """Add the key and block of each row of `tidy`; all facts of the question identify a shipment."""
    asked = tidy.drop(columns=["history", "late", "known_on"])
    content = pd.util.hash_pandas_object(asked, index=False).map("{:016x}".format)
    return keyed(found, week, tidy["vendor"], tidy["scheduled"].dt.date, found.rows["notice"], content)


def gate(evaluation: Evaluation) -> Sequence[Check]:
    """Check for better probabilities than the vendor's late share; a day ahead, the gain must be significant.

    The vendor's share may be worse than one share for all vendors, so chance is a second baseline.
    """
    found = evaluation.by_slice
    brier = found.get(("brier", slice_of(GATED)))
    checks = [beats(f"the vendor's own share, {slice_of(GATED)}", "Brier score", brier)]
    brier = found.get(("brier", part_of(slice_of(GATED))))
    checks.append(beats(f"the late share of all vendors, {slice_of(GATED)}", "Brier score", brier))
    for notice in (GATED, *WATCHED):
        ranking = found.get(("average_precision", part_of(slice_of(notice))))
        checks.append(beats(f"drawing at random, {slice_of(notice)}", "average precision", ranking))
    for part in map(slice_of, WATCHED):
        checks.append(_no_worse(found.get(("brier", part)), part))
        if alerts := found.get(("precision", part_of(_high(part)))):
            checks.append(no_worse(f"drawing at random, {_high(part)}", "precision", alerts))
    return checks


def _measured(rows: pd.DataFrame, part: str, seed: int | None) -> Iterator[Metric]:
    """Yield all metrics of a part with both outcomes; with a seed, Brier score and AUROC with intervals.

    Shipments due in the same week, of all vendors, are resampled together.
    """
    if rows["actual"].nunique() < 2:
        return
    actual, model, baseline, week = (rows[name].to_numpy() for name in ("actual", "predicted", "baseline", "week"))
    gains: dict[str, tuple[float, float]] = {}
    if seed is not None and rows["week"].nunique() >= LEAST_WEEKS:
        better = np.square(baseline - actual) - np.square(model - actual)
        gains["brier"] = mean_gain(better, week, block=1, seed=seed)
        gains["auroc"] = gain_interval(auroc, actual, model, baseline, week, seed, RESAMPLES)
    for name, measure, direction in MEASURES:
        yield beside(name, measure, actual, model, baseline, part=part, better=direction, gain=gains.get(name))


def _beside_chance(rows: pd.DataFrame, part: str, seed: int) -> Iterator[Metric]:
    """Yield the ranking and the Brier score beside one and the same probability for every shipment.

    That probability is the late share of the test part itself, which no model knows.
    """
    if rows["actual"].nunique() < 2:
        return
    actual, model, week = (rows[name].to_numpy() for name in ("actual", "predicted", "week"))
    share = float(actual.mean())
    yield beside_chance("average_precision", average_precision, actual, model, week, seed, part)
    yield beside_chance("brier", brier, actual, model, week, seed, part, better="lower", constant=share)


def _alerts(rows: pd.DataFrame, part: str, seed: int) -> Iterator[Metric]:
    """Yield the metrics of the level `high`, with a baseline of the same budget, and the late share.

    Precision must be compared with the late share: of shipments drawn at random, that share is late.
    """
    if rows.empty:
        return
    actual, model, baseline = (rows[name].to_numpy() for name in ("actual", "flagged", "baseline_flagged"))
    for name, measure in (("precision", precision), ("recall", recall)):
        yield beside(name, measure, actual, model, baseline, part=_high(part), better="higher")
    for name in ("flagged", "actual"):
        share = float(rows[name].mean())
        yield Metric(name=f"share_{name}", value=share, slice=part, better="nominal", rows=len(rows))
    if model.any():
        yield beside_chance("precision", precision, actual, model, rows["week"].to_numpy(), seed, _high(part))


def _high(part: str) -> str:
    return f"{part}, high risk"


def _no_worse(metric: Metric | None, part: str) -> Check:
    value, baseline = (metric.value, metric.baseline or 0.0) if metric else (float("nan"), 0.0)
    return verdict(
        f"Brier score, {part}",
        value < baseline,
        measured=f"{value:.4f} beside {baseline:.4f}",
        required="below the vendor's own share's",
        failure="the vendor's own late share has the lower Brier score",
    )
