"""Versions trained from the apps' own generators, by the real pipeline, once per test session."""

from __future__ import annotations

import asyncio
import json
import pickle
import shutil
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import cloudpickle
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
from serving.models.loaded_version import LoadedVersion
from serving.models.loader import load
from training import find_recipe, prepare, run
from training.fit.trainer import Trainer
from training.progress import Progress
from training.registry.mlflow_registry import Registry
from training.registry.tuning_results import Tuned
from training.run import TrainRequest, train

QUICKER: dict[str, dict[str, Any]] = {
    "price": {"eta": 0.15, "max_depth": 4},
    "fraud": {"batch": 512},
    "matching": {"batch": 512},
}
"""Parameters of fits that take long where the depth of trees and the number of steps prove nothing."""
T = TypeVar("T")
R = TypeVar("R")
AnyApp = App[Any, Any, Any]


class Noting(Trainer):
    """Writes down what it fits with, and how long that takes."""

    note: Path
    """A JSON object of seconds by kind."""

    def map(self, function: Callable[[T], R], items: Sequence[T]) -> list[R]:
        assert travelled((function, items[:1]))
        with self._timed("map"):
            return super().map(function, items)

    def _fit(self, kind: str, config: dict[str, Any], *given: Any) -> Any:
        assert travelled(config).keys() == config.keys()
        with self._timed(kind):
            return super()._fit(kind, config, *given)

    @contextmanager
    def _timed(self, kind: str) -> Iterator[None]:
        start = time.monotonic()
        yield
        noted = json.loads(self.note.read_text())
        self.note.write_text(json.dumps({**noted, kind: noted.get(kind, 0) + time.monotonic() - start}))


def travelled(given: T) -> T:
    """What a worker of Ray gets, which is another process."""
    found: T = pickle.loads(cloudpickle.dumps(given))
    return found


@dataclass(frozen=True)
class Trained:
    """A model repository that fills as apps are asked for; several processes may share its folder."""

    folder: Path
    empty_database: Path
    """Of MLflow, to copy."""

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
                patch.setattr(prepare, "validate", self._keeping(app))
                patch.setattr(run, "open_trainer", self._noting(app))
                database = shutil.copy(self.empty_database, self.folder / f"{app.name}.db")
                return train(request, Registry(f"sqlite:///{database}"), recipe=recipe).version

    def tidy(self, app: AnyApp) -> pd.DataFrame:
        """The valid table that the version's training split."""
        self.version(app)
        return pd.read_pickle(self._tidy(app))

    def fits(self, app: AnyApp) -> dict[str, float]:
        """What the version was fitted by (`xgboost`, `torch`, `map`), and the seconds that each took in all."""
        self.version(app)
        found: dict[str, float] = json.loads(self._fits(app).read_text())
        return found

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

    def _fits(self, app: AnyApp) -> Path:
        return self.folder / f"{app.name}.fits.json"

    def _noting(self, app: AnyApp) -> Callable[..., Trainer]:
        """The pipeline's trainer, which writes down what it is used for."""

        def opened(request: TrainRequest, progress: Progress, tuned: Tuned | None = None) -> Trainer:
            params = QUICKER.get(app.name)
            trainer = Noting(request.workers, request.options.seed, request.home / "fits", progress, params=params)
            trainer.note = self._fits(app)
            trainer.note.write_text("{}")
            return trainer

        return opened

    def _tidy(self, app: AnyApp) -> Path:
        return self.folder / f"{app.name}.pickle"

    def _keeping(self, app: AnyApp) -> Callable[..., pd.DataFrame]:
        """The pipeline's step, which also keeps the table that it returns; making it takes as long as a fit."""
        validate = prepare.validate

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
