"""The autoencoder app: a model so small that everything around it is what is measured."""

from __future__ import annotations

from benchmarks.apps.readings import readings_app

__all__ = ["app"]

app = readings_app(
    "autoencoder", "Mean square of an autoencoder's output for a row of 50 readings.", width=50, output_width=50
)
