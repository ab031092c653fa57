"""Milliseconds for a 90-day forecast with intervals: Prophet itself beside the demand app."""

from __future__ import annotations

import datetime
import tempfile
import timeit
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
import pandas as pd

from apps.demand.app import app
from apps.demand.schema import DemandContext, DemandQuestion, DemandSeries
from apps.demand.train import synthetic
from apps.demand.train.graph import graph
from apps.demand.train.prophet import Fit, conditions, fit, plans, quiet
from apps.demand.train.tables import tables
from control.console import note, print_table
from training.onnx import export, parity

__all__ = ["contestants", "main"]

HORIZON = 90
PROPHETS, OURS = 7, 200
"""Timings of each; the median is shown."""


def contestants() -> dict[str, Callable[[], object]]:
    """What is timed, by name, on one series of the synthetic data; each returns 90 forecasts."""
    table = synthetic.generate(7)
    part = table[table["series"] == table["series"].iloc[0]]
    days = (part["date"] - pd.Timestamp(0)).dt.days.astype(int).tolist()
    model = fit(Fit(days, part["demand"].tolist(), plans("day")[0], "day"))
    future = conditions(pd.DataFrame({"ds": pd.date_range(part["date"].max(), periods=HORIZON + 1)[1:]}))
    built = graph(tables([model], [model.interval_width], HORIZON, monthly=False))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        export.save(app, built, path)
        onnx = parity.onnx_model(path)
    last: datetime.date = part["date"].max().date()
    context = DemandContext(series=(DemandSeries(name="onion", unit="tonnes", last_date=last),))
    questions = [DemandQuestion(series="onion", horizon=step) for step in range(1, HORIZON + 1)]

    def prophet() -> object:
        with quiet():
            return model.predict(future)["yhat"].tolist()

    def answers() -> object:
        outputs = onnx(app.features(questions, context))
        return [one.forecast for one in app.decide(questions, outputs, context)]

    inputs = app.features(questions, context)
    return {
        "Prophet.predict": prophet,
        "demand: ONNX": lambda: onnx(inputs)["forecast"][:, 0].tolist(),
        "demand: features, ONNX, decide": answers,
    }


def main() -> None:
    """Print milliseconds and the ratio to Prophet."""
    steps = contestants()
    seconds = {
        name: median(timeit.repeat(step, number=1, repeat=PROPHETS if number == 0 else OURS))
        for number, (name, step) in enumerate(steps.items())
    }
    slowest = max(seconds.values())
    rows = [(name, f"{one * 1e3:.3f}", f"{slowest / one:.0f}") for name, one in seconds.items()]
    print_table(("what", "ms", "times as fast as Prophet"), rows, f"{HORIZON} days of one series with intervals")
    first, *others = (np.array(step()) for step in steps.values())
    worst = max(float(np.abs(other / first - 1).max()) for other in others)
    note(f"forecasts differ by at most {worst:.1g} of their size (answers are rounded to six digits)")
