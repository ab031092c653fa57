"""The common style of all plots: colors, one set of axes per figure, slices in natural order along an axis."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

__all__ = ["BASELINE", "LINE", "MODEL", "bars_beside", "in_order", "name_slices", "one_figure"]

MODEL, BASELINE, LINE = "#1f5fa8", "#c77d1e", "#555555"
ROOM = 60
"""Most characters of tick labels that fit horizontally below an axis."""


def one_figure(title: str, x: str, y: str) -> tuple[Figure, Axes]:
    """A figure with one set of axes."""
    figure = Figure(figsize=(7.5, 5), layout="constrained")
    axes = figure.add_subplot()
    axes.set_title(title, loc="left")
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def bars_beside(axes: Axes, table: pd.DataFrame) -> None:
    """Draw a pair of bars for each row of `table`, from its columns `model` and `baseline`."""
    places = np.arange(len(table))
    axes.bar(places - 0.2, table["model"], width=0.4, color=MODEL, label="model")
    axes.bar(places + 0.2, table["baseline"], width=0.4, color=BASELINE, label="naive baseline")
    name_slices(axes, table.index)
    axes.legend(frameon=False)


def in_order(table: pd.DataFrame) -> pd.DataFrame:
    """The rows in natural order of their names: `horizon 2` before `horizon 10`."""
    names = sorted(
        table.index, key=lambda name: [(len(part), part) for part in re.split(r"(?<=\D)(?=\d)", str(name))]
    )
    return table.loc[names]


def name_slices(axes: Axes, index: pd.Index) -> None:
    """Label the axis with the names of the slices, rotated when they would overlap."""
    step = max(1, len(index) // 15)
    names = [str(name) for name in index[::step]]
    crowded = sum(map(len, names)) > ROOM
    axes.set_xticks(
        np.arange(len(index))[::step], names, rotation=35 if crowded else 0, ha="right" if crowded else "center"
    )
    axes.set_xlabel(str(index.name or "slice"))
