"""Add a model with what runs of the stack."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pandas as pd

from control.console import stderr
from control.settings import StackSettings
from control.stack.temporary_stack import ensure
from control.trainings.bucket import bucket_copy
from training.added.add import Added, add, check_name, prepared
from training.added.apart.run import SECONDS
from training.added.build import Wanted
from training.added.errors import AddError
from training.added.plan import Overrides
from training.added.truth.given import Truth, take_truth
from training.data.read import from_files
from training.data.storage import local_copies
from training.progress import RichProgress
from training.registry.mlflow_registry import Registry

__all__ = ["add_on_stack"]


def add_on_stack(
    settings: StackSettings,
    source: str,
    name: str,
    *,
    sample: str = "",
    ignored: tuple[str, ...] = (),
    label: str = "",
    time: str = "",
    group: str = "",
    columns: tuple[str, ...] = (),
    labels: tuple[str, ...] = (),
    config: Path | None = None,
    triton: bool = True,
    promote: bool = False,
    timeout: float = SECONDS,
) -> Added:
    """Add a model; PostgreSQL and MLflow are started for it if they are not running.

    The model is inspected before: a wrong file starts nothing. Raises `AddError`, `GateRefused` for a model that
    is no better than naive baselines on the sample's `label`, or another `TrainingError`.
    """
    check_name(name, settings.model_repository)
    frame, truth = _sample(sample, ignored, label, time, group)
    overrides = _overrides(config)
    progress = RichProgress(stderr())
    with local_copies([source]) as paths:
        wanted = Wanted(
            name=name,
            path=paths[0],
            source=paths[0].name,
            sample=frame,
            aside=truth.aside if truth else (),
            columns=columns,
            labels=labels,
            overrides=overrides,
            triton=triton,
        )
        with prepared(wanted, progress, truth, timeout) as made, bucket_copy(settings, name):
            given = os.environ.get("MLFLOW_TRACKING_URI", "")
            if given:
                return add(made, Registry(given), settings.model_repository, progress, promote)
            with ensure(settings, {"postgres", "mlflow"}) as state:
                os.environ.update(state.environment())
                return add(made, Registry(state.mlflow_uri), settings.model_repository, progress, promote)


def _sample(
    sample: str, ignored: tuple[str, ...], label: str, time: str, group: str
) -> tuple[pd.DataFrame | None, Truth | None]:
    """The sample without columns that the model does not take, and its labels. Raises `DataError`, `AddError`."""
    if label and not sample:
        raise AddError("--label needs rows: give them with --sample")
    if (time or group) and not label:
        raise AddError("--time and --group split labelled rows: name the column of the labels with --label")
    if not sample:
        return None, None
    with local_copies([sample]) as paths:
        dataset = from_files(paths)
    frame, truth = dataset.frame, None
    missing = [name for name in ignored if name not in frame.columns]
    if missing:
        raise AddError(f"--ignore: the sample has no column {missing[0]!r}; it has {', '.join(frame.columns)}")
    if frame.empty:
        raise AddError("the sample has no rows")
    if label:
        frame, truth = take_truth(dataset, label, time, group)
    return frame.drop(columns=list(ignored), errors="ignore"), truth


def _overrides(config: Path | None) -> Overrides:
    if config is None:
        return Overrides()
    try:
        return msgspec.yaml.decode(config.read_bytes(), type=Overrides)
    except OSError as cause:
        raise AddError(f"--config: {config} cannot be read: {cause.strerror}") from cause
    except msgspec.MsgspecError as cause:
        raise AddError(f"--config: {config.name}: {cause}") from cause
