"""Plots of an evaluation, each beside the naive baseline, as PNG files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from training.plots import classes, probabilities
from training.plots.plot_style import LINE, MODEL, bars_beside, in_order, name_slices, one_figure
from training.recipe import Evaluation

__all__ = ["draw"]

MOST_POINTS = 5000
MOST_BARS = 20


def draw(folder: Path, evaluation: Evaluation, importance: Mapping[str, float], unit: str = "") -> list[Path]:
    """Write the plots for which the evaluation has data; returns their paths."""
    rows = evaluation.rows
    if evaluation.kind == "classes":
        figures = classes.plots(rows)
    elif evaluation.kind == "probabilities":
        figures = probabilities.plots(rows)
    else:
        figures = _values(rows, unit)
    if importance:
        figures["feature_importance"] = _importance(importance)
    if {"low", "high", "slice"} <= set(rows.columns):
        figures["coverage_by_slice"] = _coverage(rows)
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, figure in figures.items():
        paths.append(folder / f"{name}.png")
        figure.savefig(paths[-1], dpi=110)
    return paths


def _values(rows: pd.DataFrame, unit: str) -> dict[str, Figure]:
    figures = {"predicted_vs_actual": _predicted(rows, unit)}
    if "slice" in rows.columns:
        figures["error_by_slice"] = _error_by_slice(rows, unit)
    return figures


def _with(unit: str) -> str:
    return f" ({unit})" if unit else ""


def _predicted(rows: pd.DataFrame, unit: str) -> Figure:
    shown = rows.sample(MOST_POINTS, random_state=0) if len(rows) > MOST_POINTS else rows
    figure, axes = one_figure(
        f"Predicted against actual, test rows: {len(shown):,} of {len(rows):,}",
        f"actual{_with(unit)}",
        f"predicted{_with(unit)}",
    )
    low, high = np.nanpercentile(shown[["actual", "predicted"]].to_numpy(), [0.5, 99.5])
    axes.plot([low, high], [low, high], color=LINE, linewidth=1, label="exact")
    axes.scatter(
        shown["actual"], shown["predicted"], s=6, alpha=0.35, color=MODEL, edgecolors="none", label="model"
    )
    axes.set_xlim(low, high)
    axes.set_ylim(low, high)
    axes.legend(frameon=False)
    return figure


def _error_by_slice(rows: pd.DataFrame, unit: str) -> Figure:
    errors = pd.DataFrame(
        {
            "slice": rows["slice"],
            "model": (rows["actual"] - rows["predicted"]).abs(),
            "baseline": (rows["actual"] - rows["baseline"]).abs(),
        }
    )
    mean = in_order(errors.groupby("slice")[["model", "baseline"]].mean())
    figure, axes = one_figure("Mean absolute error on the test part", "slice", f"error{_with(unit)}")
    bars_beside(axes, mean)
    return figure


def _importance(importance: Mapping[str, float]) -> Figure:
    top = sorted(importance.items(), key=lambda item: item[1])[-MOST_BARS:]
    total = sum(importance.values()) or 1.0
    figure, axes = one_figure(
        f"Feature importance, top {len(top)} of {len(importance)}", "share of the total gain (%)", ""
    )
    axes.barh([name for name, _ in top], [100 * value / total for _, value in top], color=MODEL)
    return figure


def _coverage(rows: pd.DataFrame) -> Figure:
    inside = (rows["actual"] >= rows["low"]) & (rows["actual"] <= rows["high"])
    shares = in_order(pd.DataFrame({"share": inside * 100, "slice": rows["slice"]}).groupby("slice").mean())[
        "share"
    ]
    figure, axes = one_figure("Share of actual values inside the stated interval", "slice", "coverage (%)")
    axes.bar(np.arange(len(shares)), shares, width=0.6, color=MODEL)
    axes.axhline(float(shares.mean()), color=LINE, linewidth=1, linestyle="--", label="mean of the slices")
    axes.set_ylim(0, 100)
    name_slices(axes, shares.index)
    axes.legend(frameon=False, loc="upper right", bbox_to_anchor=(1, 1.08))
    return figure
