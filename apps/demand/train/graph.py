"""One ONNX graph for all series of a version: trend, seasonalities, holidays and interval, in FP64."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper

from apps.demand.serve.columns import EVENTS, FEATURES, SEASONS
from apps.demand.serve.decide import OUTPUTS
from apps.demand.train.tables import GRID, Tables
from training.onnx.export import assemble

__all__ = ["LAST_DAY", "graph"]

LAST_DAY = 100_000.0
"""Days are clipped to 0 .. this (the year 2243); sines of larger angles lose precision."""


class _Builder:
    """Builder of nodes and named constants. Every method returns the name of a tensor."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, npt.NDArray[Any]] = {}

    def constant(self, value: Any, kind: Any = np.float64) -> str:
        array = np.asarray(value, dtype=kind)
        name = f"c{len(self.constants)}"
        self.constants[name] = array
        return name

    def node(self, operator: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        name = output or f"{operator.lower()}{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [name], name=name, **attributes))
        return name

    def column(self, table: str, first: int, count: int = 1) -> str:
        """Select [n, count] columns of [n, ...]."""
        ends = (self.constant([end], np.int64) for end in (first, first + count, 1))
        return self.node("Slice", table, *ends)

    def place(self, values: str, last: int) -> str:
        """Convert numbers to INT64 positions 0 .. last."""
        cut = self.node("Clip", values, self.constant(0.0), self.constant(float(last)))
        return self.node("Cast", self.node("Floor", cut), to=TensorProto.INT64)

    def total(self, values: str) -> str:
        """Sum each row, [n, 1]."""
        return self.node("ReduceSum", values, self.constant([1], np.int64), keepdims=1)

    def rows(self, table: npt.NDArray[Any], places: str) -> str:
        """Gather rows [n, ...] of a table by series; a [s] table gives one column."""
        wide = table.reshape(len(table), -1)
        return self.node("Gather", self.constant(wide), places, axis=0)

    def cell(self, table: npt.NDArray[Any], places: str) -> str:
        """Gather cells of a flattened table at positions [n, k]."""
        return self.node("Gather", self.constant(table.reshape(-1)), places, axis=0)


def graph(tables: Tables) -> onnx.ModelProto:
    """Return the graph from `features` [n, 11] to `forecast`, `low`, `high` [n, 1]; NaN or infinity gives NaN."""
    make = _Builder()
    # Zero times NaN or infinity is NaN. Added at the end, it turns the outputs of invalid rows into NaN.
    zeros = make.node("Mul", "features", make.constant(0.0))
    poison = make.total(zeros)
    clean = make.node("Where", make.node("IsNaN", zeros), make.constant(0.0), "features")
    series = make.node("Squeeze", make.place(make.column(clean, 0), len(tables.scale) - 1), _axis(make, 1))
    day = make.node("Clip", make.column(clean, 1), make.constant(0.0), make.constant(LAST_DAY))
    added, factor = _terms(make, tables, clean, series, day)
    trend = _trend(make, tables, series, day)
    scale = make.rows(tables.scale, series)
    point = make.node("Mul", make.node("Add", make.node("Mul", trend, factor), added), scale)
    half = make.node("Mul", _reach(make, tables, clean, series, factor), scale)
    forecast = make.node("Add", point, poison, output=OUTPUTS[0])
    make.node("Sub", forecast, half, output=OUTPUTS[1])
    make.node("Add", forecast, half, output=OUTPUTS[2])
    return _model(make)


def _axis(make: _Builder, axis: int) -> str:
    return make.constant([axis], np.int64)


def _trend(make: _Builder, tables: Tables, series: str, day: str) -> str:
    """Compute slope * t + offset + the sum of deltas * max(0, t - changepoint)."""
    since = make.node("Sub", day, make.rows(tables.start, series))
    time = make.node("Div", since, make.rows(tables.span, series))
    straight = make.node(
        "Add", make.node("Mul", time, make.rows(tables.slope, series)), make.rows(tables.offset, series)
    )
    after = make.node("Max", make.node("Sub", time, make.rows(tables.changes, series)), make.constant(0.0))
    bends = make.total(make.node("Mul", after, make.rows(tables.deltas, series)))
    return make.node("Add", straight, bends)


def _terms(make: _Builder, tables: Tables, clean: str, series: str, day: str) -> tuple[str, str]:
    """Compute the additive terms and 1 + the multiplicative terms, each [n, 1]."""
    turns = make.node("Mul", day, make.constant(2 * math.pi * tables.frequencies[None, :]))
    # A cosine is a sine shifted by a quarter turn.
    angles = make.node("Concat", turns, make.node("Add", turns, make.constant(math.pi / 2)), axis=1)
    first = FEATURES.index(next(iter(SEASONS)))
    flags = make.node("Clip", make.column(clean, first, len(SEASONS)), make.constant(0.0), make.constant(1.0))
    always = make.node("Add", make.node("Mul", make.column(clean, 0), make.constant(0.0)), make.constant(1.0))
    seasons = np.tile(tables.seasons, 2)
    masks = make.node(
        "Gather", make.node("Concat", always, flags, axis=1), make.constant(seasons, np.int64), axis=1
    )
    waves = make.node("Mul", make.node("Sin", angles), masks)
    effects = tables.additive_events.shape[1]
    events = make.place(make.column(clean, FEATURES.index("event_1"), EVENTS), effects - 1)
    base = make.node("Mul", make.node("Unsqueeze", series, _axis(make, 1)), make.constant(effects, np.int64))
    places = make.node("Add", base, events)
    sums = []
    for weights, table in (
        (tables.additive, tables.additive_events),
        (tables.multiplicative, tables.multiplicative_events),
    ):
        seasonal = make.total(make.node("Mul", waves, make.rows(weights, series)))
        sums.append(make.node("Add", seasonal, make.total(make.cell(table, places))))
    return sums[0], make.node("Add", sums[1], make.constant(1.0))


def _reach(make: _Builder, tables: Tables, clean: str, series: str, factor: str) -> str:
    """Compute the half-width of the interval, [n, 1]; between tabled factors it is linearly interpolated."""
    count, steps, _ = tables.reach.shape
    step = make.place(make.column(clean, 2), steps - 1)
    share = make.node("Div", make.node("Abs", factor), make.rows(tables.widest, series))
    ends = (make.constant(0.0), make.constant(float(GRID - 1)))
    position = make.node("Clip", make.node("Mul", share, make.constant(float(GRID - 1))), *ends)
    left = make.node("Min", make.node("Floor", position), make.constant(float(GRID - 2)))
    fraction = make.node("Sub", position, left)
    row = make.node("Mul", make.node("Unsqueeze", series, _axis(make, 1)), make.constant(steps, np.int64))
    start = make.node("Mul", make.node("Add", row, step), make.constant(GRID, np.int64))
    place = make.node("Add", start, make.node("Cast", left, to=TensorProto.INT64))
    low = make.cell(tables.reach, place)
    high = make.cell(tables.reach, make.node("Add", place, make.constant(1, np.int64)))
    return make.node("Add", low, make.node("Mul", make.node("Sub", high, low), fraction))


def _model(make: _Builder) -> onnx.ModelProto:
    return assemble(
        "demand",
        make.nodes,
        [helper.make_tensor_value_info("features", TensorProto.DOUBLE, ["n", len(FEATURES)])],
        [helper.make_tensor_value_info(name, TensorProto.DOUBLE, ["n", 1]) for name in OUTPUTS],
        make.constants,
    )
