"""Pictures of an evaluation, each beside the naive baseline, as PNG files."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from training.contract import Evaluation
from training.plots_classes import class_figures

__all__ = ["draw"]

MODEL, BASELINE, LINE = "#1f5fa8", "#c77d1e", "#555555"
MOST_POINTS = 5000
MOST_BARS = 20
ROOM = 60
"""Characters that fit below the axis side by side."""


def draw(folder: Path, evaluation: Evaluation, importance: Mapping[str, float], unit: str = "") -> list[Path]:
    """Write the pictures this evaluation has data for; returns their paths."""
    rows = evaluation.rows
    if evaluation.kind == "classes":
        figures = class_figures(rows)
    else:
        figures = {"predicted_vs_actual": _predicted(rows, unit)}
        if "slice" in rows.columns:
            figures["error_by_slice"] = _error_by_slice(rows, unit)
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


def _figure(title: str, x: str, y: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(7.5, 5), layout="constrained")
    axes = figure.add_subplot()
    axes.set_title(title, loc="left")
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _with(unit: str) -> str:
    return f" ({unit})" if unit else ""


def _predicted(rows: pd.DataFrame, unit: str) -> Figure:
    shown = rows.sample(MOST_POINTS, random_state=0) if len(rows) > MOST_POINTS else rows
    figure, axes = _figure(
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
    mean = _in_order(errors.groupby("slice")[["model", "baseline"]].mean())
    figure, axes = _figure("Mean absolute error on the test part", "slice", f"error{_with(unit)}")
    places = np.arange(len(mean))
    axes.bar(places - 0.2, mean["model"], width=0.4, color=MODEL, label="model")
    axes.bar(places + 0.2, mean["baseline"], width=0.4, color=BASELINE, label="naive baseline")
    _name_slices(axes, mean.index)
    axes.legend(frameon=False)
    return figure


def _importance(importance: Mapping[str, float]) -> Figure:
    top = sorted(importance.items(), key=lambda item: item[1])[-MOST_BARS:]
    total = sum(importance.values()) or 1.0
    figure, axes = _figure(
        f"Feature importance, top {len(top)} of {len(importance)}", "share of the total gain (%)", ""
    )
    axes.barh([name for name, _ in top], [100 * value / total for _, value in top], color=MODEL)
    return figure


def _coverage(rows: pd.DataFrame) -> Figure:
    inside = (rows["actual"] >= rows["low"]) & (rows["actual"] <= rows["high"])
    shares = _in_order(pd.DataFrame({"share": inside * 100, "slice": rows["slice"]}).groupby("slice").mean())[
        "share"
    ]
    figure, axes = _figure("Share of actual values inside the stated interval", "slice", "coverage (%)")
    axes.bar(np.arange(len(shares)), shares, width=0.6, color=MODEL)
    axes.axhline(float(shares.mean()), color=LINE, linewidth=1, linestyle="--", label="mean of the slices")
    axes.set_ylim(0, 100)
    _name_slices(axes, shares.index)
    axes.legend(frameon=False, loc="upper right", bbox_to_anchor=(1, 1.08))
    return figure


def _in_order(table: pd.DataFrame) -> pd.DataFrame:
    """Rows by name, numbers in a name by size: `horizon 2` before `horizon 10`."""
    names = sorted(
        table.index, key=lambda name: [(len(part), part) for part in re.split(r"(?<=\D)(?=\d)", str(name))]
    )
    return table.loc[names]


def _name_slices(axes: Axes, index: pd.Index) -> None:
    step = max(1, len(index) // 15)
    names = [str(name) for name in index[::step]]
    crowded = sum(map(len, names)) > ROOM
    axes.set_xticks(
        np.arange(len(index))[::step], names, rotation=35 if crowded else 0, ha="right" if crowded else "center"
    )
    axes.set_xlabel(str(index.name or "slice"))
