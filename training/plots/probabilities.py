"""Plots of an evaluation whose `predicted` and `baseline` are probabilities of class 1."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from sklearn.metrics import precision_recall_curve

from training.measures.classification import average_precision, reliability
from training.plots.plot_style import BASELINE, LINE, MODEL, bars_beside, in_order, one_figure

__all__ = ["plots"]

BINS = 10
SIDES = (("predicted", "model", MODEL), ("baseline", "naive baseline", BASELINE))


def plots(rows: pd.DataFrame) -> dict[str, Figure]:
    """Figures by file name: reliability, precision and recall, and for rows with slices the Brier score by slice.

    `rows` has the columns `actual` (0 or 1), `predicted` and `baseline` (0 to 1), and optionally `slice`.
    """
    rows = rows.astype({name: float for name in ("actual", "predicted", "baseline")})
    figures = {"reliability": _reliability(rows), "precision_recall": _precision_recall(rows)}
    if "slice" in rows.columns:
        figures["error_by_slice"] = _brier_by_slice(rows)
    return figures


def _reliability(rows: pd.DataFrame) -> Figure:
    """Predicted probability against observed share, in bins with equal row counts."""
    figure, axes = one_figure(
        f"Reliability, {len(rows):,} test rows in {BINS} equal bins",
        "mean predicted probability",
        "observed share of class 1",
    )
    most = 0.0
    for column, label, color in SIDES:
        table = np.array(reliability(rows["actual"].to_numpy(), rows[column].to_numpy(), BINS))
        axes.plot(table[:, 0], table[:, 1], marker="o", markersize=5, color=color, label=label)
        most = max(most, float(table[:, :2].max()))
    limit = min(1.0, 1.05 * most) or 1.0
    axes.plot([0, limit], [0, limit], color=LINE, linewidth=1, linestyle="--", label="exact")
    axes.set_xlim(0, limit)
    axes.set_ylim(0, limit)
    axes.legend(frameon=False)
    return figure


def _precision_recall(rows: pd.DataFrame) -> Figure:
    share = float(rows["actual"].mean())
    figure, axes = one_figure(f"Precision and recall, {len(rows):,} test rows", "recall", "precision")
    if 0 < share:
        for column, label, color in SIDES:
            precision, recall, _ = precision_recall_curve(rows["actual"], rows[column])
            mean = average_precision(rows["actual"].to_numpy(), rows[column].to_numpy())
            axes.step(recall, precision, where="post", color=color, label=f"{label}, mean {mean:.3f}")
    axes.axhline(share, color=LINE, linewidth=1, linestyle="--", label=f"chance, {share:.3f}")
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1.02)
    axes.legend(frameon=False)
    return figure


def _brier_by_slice(rows: pd.DataFrame) -> Figure:
    errors = pd.DataFrame(
        {
            "slice": rows["slice"],
            "model": (rows["actual"] - rows["predicted"]) ** 2,
            "baseline": (rows["actual"] - rows["baseline"]) ** 2,
        }
    )
    figure, axes = one_figure("Brier score on the test part, smaller is better", "slice", "mean squared error")
    bars_beside(axes, in_order(errors.groupby("slice")[["model", "baseline"]].mean()))
    return figure
