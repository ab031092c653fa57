"""Microseconds per question of what the price app runs for a request: reading, features, decision, writing."""

from __future__ import annotations

import datetime
import timeit
from collections.abc import Callable

import msgspec
import numpy as np
import numpy.typing as npt

from apps.price.app import app
from apps.price.schema import Observation, PriceContext, PriceQuestion
from apps.price.serve.features import compute
from apps.price.serve.windows import fill
from control.console import print_table

CONTEXT = PriceContext(commodities=("onion",), groups=("reference",))
DAYS = (14, 90, 400)
BATCHES = (1, 16, 64)
SECONDS = 0.002
"""One timing, short enough to fall between two interruptions."""
TIMINGS = 150


def question(days: int) -> PriceQuestion:
    """A question with `days` days of history."""
    first = datetime.date(2020, 1, 1)
    history = tuple(
        Observation(
            date=first + datetime.timedelta(days=day),
            price=1500.0 + day % 17,
            arrival=100.0 + day % 5,
            reference=1450.0 + day % 13,
        )
        for day in range(days)
    )
    return PriceQuestion(commodity="onion", market="HUBLI", horizon=7, history=history)


def steps(days: int, batch: int) -> dict[str, Callable[[], object]]:
    """What is timed, by name, on a batch of questions as a door reads them."""
    read = msgspec.json.Decoder(PriceQuestion).decode
    bodies = [msgspec.json.encode(question(days))] * batch
    questions = [read(body) for body in bodies]
    outputs = {spec.name: np.zeros((batch, 1), np.float32) for spec in app.outputs}
    answers = app.decide(questions, outputs, CONTEXT)
    return {
        "read": lambda: [read(body) for body in bodies],
        "features": lambda: app.features(questions, CONTEXT),
        "plain features": lambda: compute(fill(questions, CONTEXT)),
        "decide": lambda: app.decide(questions, outputs, CONTEXT),
        "write": lambda: msgspec.json.encode(answers),
    }


def timings(step: Callable[[], object]) -> npt.NDArray[np.float64]:
    """Seconds a call, `TIMINGS` times."""
    timer = timeit.Timer(step)
    calls = max(1, round(SECONDS / min(timer.repeat(5, 1))))
    return np.array(timer.repeat(TIMINGS, calls)) / calls


def main() -> None:
    """Print the table."""
    rows = []
    for days in DAYS:
        for batch in BATCHES:
            found = {name: timings(step) / batch * 1e6 for name, step in steps(days, batch).items()}
            median = float(np.median(found["features"]))
            best = (f"{each.min():.1f}" for each in found.values())
            rows.append((str(days), str(batch), *best, f"{median:.1f}"))
    columns = ("days of history", "batch", "read", "features", "plain", "decide", "write", "features, median")
    print_table(columns, rows, "price: microseconds per question, the best of many timings")
