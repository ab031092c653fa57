"""The app of 500 boosted trees: a model heavy enough that batching and threads show."""

from __future__ import annotations

from benchmarks.apps.readings import readings_app

__all__ = ["app"]

app = readings_app(
    "xgb500",
    "Square of the answer of 500 boosted trees for a row of 25 readings.",
    width=25,
    output_width=1,
    tolerance=1e-3,
)
