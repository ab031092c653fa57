"""Versions trained from the apps' own generators, by the real pipeline, once per test session."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd
import pytest
from filelock import FileLock

from serving.kernel.app import App
from serving.kernel.app_values import load_values
from serving.kernel.backend import Backend
from serving.kernel.call import Call
from serving.kernel.storage.model_repository import Repository
from serving.kernel.storage.version_manifest import MODEL_NAME, Manifest
from serving.models.backends.onnx_local import open_fused
from serving.models.loader import LoadedVersion, load
from tests.rays import Rays
from training import find_recipe, run
from training.registry.mlflow_registry import Registry
from training.run import TrainRequest, train

T = TypeVar("T")
AnyApp = App[Any, Any, Any]


@dataclass(frozen=True)
class Trained:
    """A model repository that fills as apps are asked for; several processes may share its folder."""

    folder: Path
    rays: Rays

    @property
    def repository(self) -> Repository:
        return Repository(self.folder / "model-repository")

    def version(self, app: AnyApp) -> int:
        """The app's version; trains it when it is asked for the first time."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with FileLock(self.folder / f"{app.name}.lock"):
            if found := self.repository.versions(app.name):
                return found[0]
            request = TrainRequest(app=app.name, repository=self.repository.root, home=self.folder / "home")
            recipe = find_recipe.find(app.name)
            with pytest.MonkeyPatch.context() as patch:
                # MLflow keeps artifacts of a database without a server in the working folder.
                patch.chdir(self.folder)
                patch.setattr(run, "validate", self._keeping(app))
                self.rays.open()
                return train(request, Registry(f"sqlite:///{self.folder}/{app.name}.db"), recipe=recipe).version

    def tidy(self, app: AnyApp) -> pd.DataFrame:
        """The valid table that the version's training split."""
        self.version(app)
        return pd.read_pickle(self._tidy(app))

    def with_loaded(self, app: AnyApp, use: Callable[[LoadedVersion], Awaitable[T]]) -> T:
        """Load the app's version as the data plane does, its model in this process, and use it."""

        async def run() -> T:
            loaded = await load(app, self.version(app), self.repository, self._fused)
            try:
                return await use(loaded)
            finally:
                await loaded.backend.close()

        self.version(app)
        return asyncio.run(run())

    def _tidy(self, app: AnyApp) -> Path:
        return self.folder / f"{app.name}.pickle"

    def _keeping(self, app: AnyApp) -> Callable[..., pd.DataFrame]:
        """The pipeline's step, which writes down what it lets pass: to make it anew takes as long as to fit."""
        validate = run.validate

        def kept(*given: Any) -> pd.DataFrame:
            table = validate(*given)
            table.to_pickle(self._tidy(app))
            return table

        return kept

    async def _fused(self, app: AnyApp, manifest: Manifest) -> Backend:
        path = self.repository.folder(app.name, manifest.version) / MODEL_NAME
        return open_fused(path, app.inputs, load_values(app.folder).batching)


def call(seconds: float = 120.0) -> Call:
    """A call with time to spare."""
    return Call("test", time.monotonic() + seconds)


async def predict(loaded: LoadedVersion, questions: list[Any]) -> list[Any]:
    """Questions to answers: features, model, decision."""
    answers: list[Any] = await loaded.backend.submit(loaded.questions, questions, call())
    return answers
