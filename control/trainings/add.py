"""Add a model with what runs of the stack."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import msgspec
import pandas as pd

from control.console import stderr
from control.settings import StackSettings
from control.stack.temporary_stack import ensure
from control.trainings.folders import from_folder, is_triton_folder, note_missing_triton
from control.trainings.run import bucket_copy
from training.added.add import Added, add, check_name, prepared
from training.added.apart.run import SECONDS
from training.added.build import Wanted
from training.added.errors import AddError
from training.added.folders.publish import check_place
from training.added.plan import Overrides
from training.added.sources.as_onnx import as_onnx
from training.added.sources.process import Conversion
from training.added.truth.given import Truth, take_truth
from training.data.read import from_files
from training.data.storage import local_copies
from training.errors import DataError
from training.fit.scratch import scratch
from training.progress import RichProgress
from training.registry.mlflow_registry import Registry

__all__ = ["add_on_stack"]

MLFLOW = ("models:/", "runs:/")
SERVED = "_served"
"""Follows a default name that is a registered model of somebody else."""


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
    trust: bool = False,
    named: bool = True,
) -> Added:
    """Add a model; PostgreSQL and MLflow are started for it if they are not running.

    The model is inspected before: a wrong file starts nothing. `named`: the user chose the name. Raises
    `AddError`, `GateRefused` for a model that is no better than naive baselines on the sample's `label`, or
    another `TrainingError`, and `ModuleNotFoundError` for an extra that the model's format needs.
    """
    if not source.strip():
        raise AddError("the source is empty; give a file, a folder, models:/NAME@ALIAS, runs:/ID/PATH or s3://...")
    overrides = _overrides(config)
    progress = RichProgress(stderr())
    with _located(settings, source) as (path, shown):
        if not named:
            name = _free_name(settings, source, name)
        check_name(name, settings.model_repository)
        frame, truth = _sample(sample, ignored, label, time, group)
        is_folder = is_triton_folder(path)
        opened = nullcontext(Conversion(path)) if is_folder else as_onnx(path, frame, columns, trust, progress)
        with opened as model:
            wanted = Wanted(
                name=name,
                path=model.path,
                source=shown,
                sample=frame,
                aside=truth.aside if truth else (),
                columns=columns or model.columns,
                gaps=model.gaps,
                labels=labels or model.labels,
                overrides=overrides,
                triton=triton,
                native=model.native,
                notes=model.notes,
            )
            inspected = prepared(_checked(settings, wanted, trust), progress, truth, timeout)
            with inspected as made, bucket_copy(settings, name), _registry(settings) as registry:
                return add(made, registry, settings.model_repository, progress, promote)


def _checked(settings: StackSettings, wanted: Wanted, trust: bool) -> Wanted:
    """The model with what its folder says of it, if that is one of Triton. Raises `AddError`."""
    folder = None
    if is_triton_folder(wanted.path):
        wanted, folder = from_folder(wanted, trust)
    check_place(wanted.name, folder, settings.model_repository)
    if folder is not None:
        note_missing_triton(settings.home)
    return wanted


@contextmanager
def _located(settings: StackSettings, source: str) -> Iterator[tuple[Path, str]]:
    """The model's file or folder on this machine, and what it is called where it comes from."""
    if not source.startswith(MLFLOW):
        with local_copies([source]) as paths:
            yield paths[0], paths[0].name
        return
    with _registry(settings) as registry, scratch("slipway-mlflow-") as folder:
        # Messages call the folder by its name.
        place = folder / (re.sub(r"[^\w@-]+", "-", source.partition(":")[2]).strip("-") or "model")
        place.mkdir()
        yield registry.fetch_model(source, place)


@contextmanager
def _registry(settings: StackSettings) -> Iterator[Registry]:
    """The registry at MLFLOW_TRACKING_URI, or that of the stack, which is started if it does not run."""
    given = os.environ.get("MLFLOW_TRACKING_URI", "")
    if given:
        yield Registry(given)
        return
    with ensure(settings, {"postgres", "mlflow"}) as state:
        os.environ.update(state.environment())
        yield Registry(state.mlflow_uri)


def _free_name(settings: StackSettings, source: str, name: str) -> str:
    """The default name of a registered model: not its own, whose versions and aliases belong to others."""
    if not source.startswith(MLFLOW[0]):
        return name
    with _registry(settings) as registry:
        return f"{name}{SERVED}" if registry.is_foreign(name) else name


def _sample(
    sample: str, ignored: tuple[str, ...], label: str, time: str, group: str
) -> tuple[pd.DataFrame | None, Truth | None]:
    """The sample without columns that the model does not take, and its labels. Raises `DataError`, `AddError`."""
    if label and not sample:
        raise AddError("--label needs rows: give them with --sample")
    if (time or group) and not label:
        raise AddError("--time and --group split labelled rows: name the column of the labels with --label")
    if ignored and not sample:
        raise AddError("--ignore leaves out columns of the sample: give it with --sample")
    if not sample:
        return None, None
    try:
        with local_copies([sample]) as paths:
            dataset = from_files(paths)
    except DataError as cause:
        raise DataError(str(cause).replace("--data", "--sample")) from cause
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
