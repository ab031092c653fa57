"""Train one version with what runs of the stack."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from control.console import note, stderr
from control.settings import StackSettings
from control.stack.temporary_stack import ensure
from training import find_recipe
from training.progress import Progress, RichProgress
from training.publish.repository_copy import apps_of, copy
from training.registry.mlflow_registry import Registry
from training.run import TrainRequest, TrainResult, begin, train

__all__ = ["bucket_copy", "train_on_stack"]


def train_on_stack(
    settings: StackSettings, request: TrainRequest, progress: Progress | None = None
) -> TrainResult:
    """Train with the running stack. PostgreSQL and MLflow are started for the training if they are not running.

    The data is loaded and validated before: a wrong file starts nothing.

    With `repository_url`, the app's versions are fetched from that bucket first and uploaded at the end.
    """
    progress = progress or RichProgress(stderr())
    recipe = find_recipe.find(request.package or request.app)
    prepared = begin(request, recipe, progress)
    given = os.environ.get("MLFLOW_TRACKING_URI", "")
    with bucket_copy(settings, request.app):
        if given:
            return train(request, Registry(given), progress, recipe, prepared)
        with ensure(settings, {"postgres", "mlflow"}) as state:
            os.environ.update(state.environment())
            return train(request, Registry(state.mlflow_uri), progress, recipe, prepared)


@contextmanager
def bucket_copy(settings: StackSettings, app: str) -> Iterator[None]:
    """Fetch the app's versions from the bucket before the block, and upload the local versions after it."""
    if not settings.repository_url:
        yield
        return
    here = str(settings.model_repository)
    if app in apps_of(settings.repository_url):
        copy(settings.repository_url, here, [app])
    yield
    copy(here, settings.repository_url, [app])
    note(f"The versions of {app} are uploaded to {settings.repository_url}.")
