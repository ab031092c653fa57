"""Plots of a classifier's test rows: the confusion matrix, F1 beside the naive baseline, and confidence."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from training.measures.classification import reliability
from training.plots.plot_style import BASELINE, LINE, MODEL, one_figure

__all__ = ["confusion", "f1_by_class", "plots"]

MOST_NUMBERS = 15
"""Most classes with which the cells of the confusion matrix show numbers."""
MOST_LETTERS = 12
BINS = 10


def plots(rows: pd.DataFrame) -> dict[str, Figure]:
    """Figures by name from the columns `actual`, `predicted` and `baseline` (names of classes).

    With a column `confidence` (0 to 1, of the predicted class), one figure shows how often it is correct.
    """
    names = sorted({str(name) for column in ("actual", "predicted", "baseline") for name in rows[column].unique()})
    figures = {"confusion_matrix": _confusion(rows, names), "f1_by_class": _f1(rows, names)}
    if "confidence" in rows.columns:
        figures["reliability"] = _reliability(rows)
    return figures


def confusion(rows: pd.DataFrame, names: Sequence[str], column: str = "predicted") -> npt.NDArray[np.int64]:
    """[classes, classes] row counts by actual class (down) and predicted class (across)."""
    table = pd.crosstab(rows["actual"].astype(str), rows[column].astype(str))
    found: npt.NDArray[np.int64] = table.reindex(index=list(names), columns=list(names), fill_value=0).to_numpy(
        np.int64
    )
    return found


def f1_by_class(table: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """[classes] harmonic mean of precision and recall; 0 for a class that occurs neither in truth nor answers."""
    both = table.sum(axis=0) + table.sum(axis=1)
    return np.where(both > 0, 2 * np.diag(table) / np.maximum(both, 1), 0.0)


def _confusion(rows: pd.DataFrame, names: Sequence[str]) -> Figure:
    table = confusion(rows, names)
    shares = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    right = np.trace(table) / max(1, table.sum())
    figure, axes = one_figure(
        f"Test rows by class: {100 * right:.1f} % of {table.sum():,} correct", "predicted", "actual"
    )
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    if len(names) <= MOST_NUMBERS:
        for row, column in np.ndindex(*table.shape):
            color = "white" if shares[row, column] > 0.5 else "black"
            axes.text(column, row, f"{table[row, column]:,}", ha="center", va="center", color=color, fontsize=8)
    _name_classes(axes, names)
    axes.set_yticks(np.arange(len(names)), names)
    return figure


def _f1(rows: pd.DataFrame, names: Sequence[str]) -> Figure:
    model, baseline = (f1_by_class(confusion(rows, names, column)) for column in ("predicted", "baseline"))
    figure, axes = one_figure("F1 of each class on the test part", "class", "F1")
    places = np.arange(len(names))
    axes.bar(places - 0.2, model, width=0.4, color=MODEL, label=f"model, mean {model.mean():.3f}")
    axes.bar(
        places + 0.2, baseline, width=0.4, color=BASELINE, label=f"naive baseline, mean {baseline.mean():.3f}"
    )
    axes.set_ylim(0, 1)
    _name_classes(axes, names)
    figure.legend(frameon=False, loc="outside lower center", ncols=2)
    return figure


def _reliability(rows: pd.DataFrame) -> Figure:
    right = (rows["actual"] == rows["predicted"]).to_numpy(np.float64)
    stated = rows["confidence"].to_numpy(np.float64)
    table = reliability(right, stated, BINS)
    figure, axes = one_figure(
        "Share of correct answers by stated confidence", "stated confidence", "share correct"
    )
    low = min(min(mean, seen) for mean, seen, _ in table)
    axes.plot([low, 1], [low, 1], color=LINE, linewidth=1, label="exact")
    axes.plot([row[0] for row in table], [row[1] for row in table], "o-", color=MODEL, label="model")
    axes.legend(frameon=False)
    return figure


def _name_classes(axes: Axes, names: Sequence[str]) -> None:
    crowded = sum(map(len, names)) > MOST_LETTERS * 5
    axes.set_xticks(
        np.arange(len(names)), names, rotation=35 if crowded else 0, ha="right" if crowded else "center"
    )
