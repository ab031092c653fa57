"""scikit-learn's files. They are opened before the libraries that convert are loaded: most failures are there."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from training.added.sources.converters.sklearn_open import opened
from training.added.sources.exchange import Job

if TYPE_CHECKING:
    import pandas as pd

    from training.added.sources.converted import Converted

__all__ = ["convert"]


def convert(job: Job, sample: pd.DataFrame | None) -> Converted:
    """Convert the estimator or pipeline in a file. Raises `CannotConvert`."""
    found, notes = opened(job)
    from training.added.sources.converters.rows import example_rows
    from training.added.sources.converters.sklearn_graph import of_estimator

    frame = sample if sample is not None else example_rows(job.source)
    made = of_estimator(getattr(found, "best_estimator_", found), frame, job.columns)
    return dataclasses.replace(made, notes=(*notes, *made.notes))
