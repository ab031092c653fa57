"""Convert model outputs to answers. Demand is never negative, and the interval contains the forecast."""

from __future__ import annotations

from collections.abc import Sequence

from apps.demand.schema import DemandAnswer, DemandContext, DemandQuestion, DemandSeries
from apps.demand.serve.features import target
from serving.kernel.tensors import Arrays

__all__ = ["OUTPUTS", "decide"]

OUTPUTS = ("forecast", "low", "high")
"""Names of the model's outputs, FP64 [n, 1], in the unit of the series."""


def decide(questions: Sequence[DemandQuestion], outputs: Arrays, context: DemandContext) -> list[DemandAnswer]:
    """Return one answer per question, with 0 <= low <= forecast <= high."""
    point, low, high = (outputs[name].reshape(-1).tolist() for name in OUTPUTS)
    known = {series.name: series for series in context.series}
    rows = zip(questions, point, low, high, strict=True)
    return [
        _answer(one, known[one.series], forecast, below, above, context) for one, forecast, below, above in rows
    ]


def _answer(
    question: DemandQuestion, known: DemandSeries, point: float, low: float, high: float, context: DemandContext
) -> DemandAnswer:
    date, step = target(question, known, context)
    return DemandAnswer(
        series=known.name,
        date=date,
        horizon=step,
        forecast=_rounded(point),
        low=_rounded(min(low, point)),
        high=_rounded(max(high, point)),
        coverage=context.coverage,
        unit=known.unit,
        frequency=context.frequency,
        last_date=known.last_date,
    )


def _rounded(value: float) -> float:
    """Round to six significant digits, more than a forecast's precision; `or 0.0` turns -0.0 into 0.0."""
    return float(f"{max(value, 0.0):.6g}") or 0.0
