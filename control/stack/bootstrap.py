"""Before the gateway can answer, every app needs a version: train what is missing."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from control.console import note
from control.errors import StackError
from control.settings import StackSettings
from control.stack.state import StackState
from serving.kernel.app import App
from serving.kernel.storage.model_repository import Repository
from serving.kernel.storage.version_files import Refused

if TYPE_CHECKING:
    from serving.kernel.app import App

__all__ = ["missing_apps", "train_missing"]


def missing_apps(settings: StackSettings) -> tuple[str, ...]:
    """Served apps without a single version in the model repository that was trained for today's features."""
    from serving.kernel.find_app import find_apps

    repository = Repository(settings.model_repository)
    return tuple(
        app.name
        for app in find_apps(settings.apps)
        if not any(_fits(repository, app, version) for version in repository.versions(app.name))
    )


def _fits(repository: Repository, app: App[Any, Any, Any], version: int) -> bool:
    from serving.models.loader import check_signature

    try:
        check_signature(app, repository.manifest(app.name, version))
    except Refused:
        return False
    return True


def train_missing(settings: StackSettings, state: StackState) -> None:
    """Train each missing app on its recipe's synthetic data, on the stack that is up but for the gateway.

    Raises `StackError` when the registry was left out, or any `TrainingError`.
    """
    missing = missing_apps(settings)
    if not missing:
        return
    if not state.mlflow_uri:
        raise StackError(
            f"no version to serve for: {', '.join(missing)}; training one needs the part mlflow. Leave it in, or "
            "start --without gateway"
        )
    # Ray and MLflow read these when they are imported.
    os.environ.update(state.environment())
    from control.commands.apps.train import run
    from training.run import TrainRequest

    for app in missing:
        note(f"{app} has no version yet: training one on synthetic data")
        request = TrainRequest(app=app, repository=settings.model_repository, home=settings.home, promote=True)
        result = run(settings, request)
        note(f"{app} version {result.version} is trained")
