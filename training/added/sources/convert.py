"""Converts the model of a job with the converter for its kind, and writes the model and its answers."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from training.added.sources.exchange import MODEL, SAMPLE, CannotConvert, Job, Report, write_native

if TYPE_CHECKING:
    import pandas as pd

    from training.added.sources.converted import Converted

__all__ = ["CONVERTERS", "convert"]

CONVERTERS = ("xgboost", "lightgbm", "sklearn", "torch")
"""Modules of `converters`, each with a function `convert`."""
LARGEST = 1900 << 20
"""Bytes of a model in one file; Protocol Buffers end at 2 GiB."""


def convert(job: Job, folder: Path) -> Report:
    """Write the ONNX file, rows and answers into `folder`. Raises `ModuleNotFoundError` and `MemoryError`."""
    if job.source.code:
        sys.path.insert(0, job.source.code)
    name = f"training.added.sources.converters.{job.source.kind}_model"
    run: Callable[[Job, pd.DataFrame | None], Converted] = import_module(name).convert
    try:
        made = run(job, _sample(folder))
        if made.model.ByteSize() > LARGEST:
            raise CannotConvert(
                f"the model has more than {LARGEST >> 20} MB; export it to ONNX with external data"
            )
    except CannotConvert as cause:
        return Report(refusal=str(cause))
    (folder / MODEL).write_bytes(made.model.SerializeToString(deterministic=True))
    write_native(folder, made.native)
    return Report(
        inputs=tuple(made.native.inputs),
        outputs=tuple(made.native.outputs),
        columns=made.columns,
        labels=made.labels,
        notes=made.notes,
    )


def _sample(folder: Path) -> pd.DataFrame | None:
    path = folder / SAMPLE
    if not path.exists():
        return None
    import pandas as pd

    return pd.read_parquet(path)
