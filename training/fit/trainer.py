"""The trainer that a recipe gets for its fit, on Ray or in this process."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import numpy.typing as npt

from serving.kernel.storage.private_files import private_folder
from training.fit.leakage import refuse_leaking_features
from training.fit.ray_map import FitFailed, map_here, map_on_ray
from training.fit.ray_session import connected, environment, on_this_machine
from training.fit.scratch import scratch
from training.progress import Progress, Silent

if TYPE_CHECKING:
    from xgboost import Booster

__all__ = ["WORKER_SETTINGS", "Table", "Trainer", "fit_here"]

T = TypeVar("T")
R = TypeVar("R")

Table = tuple[npt.NDArray[Any], npt.NDArray[Any]]
"""Features (rows, columns) and target (rows)."""
ArrayTuple = tuple[npt.NDArray[Any], ...]
"""Arrays with the same number of rows."""

REPORTS = 20
"""About how many reports and checkpoints a fit of full length makes."""
POLL_SECONDS = 0.1
RAY_SETTINGS = {
    # The interval in which Ray's controller collects reports; a worker waits this long for each.
    "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S": str(POLL_SECONDS),
    # An actor and two exporters that a fit of minutes does not need.
    "RAY_TRAIN_ENABLE_PREEMPTION_WATCHER": "0",
    "RAY_TRAIN_METRICS_ENABLED": "0",
}

# XGBoost's threads synchronize after every step. With active waiting they block the cores for each other when
# there are more threads than cores: a fit took many times as long.
WORKER_SETTINGS = {"OMP_WAIT_POLICY": "passive"}


class Trainer:
    """Fits models with `workers` Ray Train workers. `storage` is the folder for checkpoints during a fit.

    A single worker needs no Ray: it fits in this process, with the code of Ray Train's workers. If the environment
    names a Ray, a single worker runs there too. As a context manager, a trainer keeps its private Ray between
    fits; otherwise each fit starts its own.
    """

    def __init__(
        self,
        workers: int,
        seed: int,
        storage: Path,
        progress: Progress | None = None,
        max_failures: int = 3,
        params: Mapping[str, Any] | None = None,
    ) -> None:
        if workers < 1:
            raise ValueError(f"`workers` must be 1 or more, not {workers}")
        self.workers = workers
        self.seed = seed
        self.storage = storage
        self.progress = progress or Silent()
        self.max_failures = max_failures
        self.params = dict(params or {})
        """Values of the recipe's parameters that differ from its defaults."""
        self.features: tuple[str, ...] = ()
        self.allowed: tuple[str, ...] = ()
        self.columns: tuple[str, ...] = ()
        self._session: ExitStack | None = None

    def __enter__(self) -> Trainer:
        self._session = ExitStack()
        return self

    def __exit__(self, *_: object) -> None:
        if self._session is not None:
            self._session.close()
            self._session = None

    def log(self, text: str) -> None:
        """Show a message to the user."""
        self.progress.log(text)

    def watch(self, features: Sequence[str], allowed: Sequence[str] = (), columns: Sequence[str] = ()) -> None:
        """Name the columns of the tables to fit on, those that may look like leaks, and the tidy table's."""
        self.features, self.allowed, self.columns = tuple(features), tuple(allowed), tuple(columns)

    def tuned(self, defaults: Mapping[str, Any]) -> dict[str, Any]:
        """A recipe's `defaults`, overridden by the values of `params`.

        Raises `ValueError` for a parameter that the recipe does not have.
        """
        unknown = sorted(set(self.params) - set(defaults))
        if unknown:
            known = ", ".join(sorted(defaults)) or "none"
            raise ValueError(f"parameter {unknown[0]!r} is unknown; the recipe has: {known}")
        return {**defaults, **self.params}

    def map(self, function: Callable[[T], R], items: Sequence[T]) -> list[R]:
        """Apply `function` to every item as Ray tasks, `workers` at a time. Results are in the order of the items.

        For many small fits, such as one per series. Function, items and results are sent between processes, unless
        there is a single worker and no Ray. When a task fails, the others are cancelled, and `FitFailed` names the
        number of the item.
        """
        if self._fits_here():
            return map_here(function, items, self.progress)
        private_folder(self.storage)
        if self._session is not None:
            self._session.enter_context(connected(self.workers, self.storage))
        with connected(self.workers, self.storage):
            return map_on_ray(function, items, self.workers, self.progress, self.max_failures)

    def xgboost(
        self,
        params: Mapping[str, Any],
        train: Table,
        validation: Table,
        rounds: int,
        early_stopping: int,
        checkpoint_every: int = 0,
    ) -> Booster:
        """Fit until `early_stopping` rounds do not improve `validation`; returns the booster up to its best round.

        Early stopping uses `params["eval_metric"]` (the last one of a list). Rows go to the workers in turn. A Ray
        worker that dies is replaced, and the fit resumes from the last checkpoint. There is one every
        `checkpoint_every` rounds (0 means a twentieth of `rounds`). Without row or column sampling, an interrupted
        fit gives the same booster as an uninterrupted one. Raises `FitFailed`.
        """
        stop = {"rounds": rounds, "early_stopping": early_stopping, "refit": False}
        return self._boosters(params, train, validation, stop, checkpoint_every)[0]

    def xgboost_twice(
        self,
        params: Mapping[str, Any],
        train: Table,
        validation: Table,
        rounds: int,
        early_stopping: int,
        checkpoint_every: int = 0,
    ) -> tuple[Booster, Booster]:
        """Like `xgboost`, then fit again on both tables together for as many rounds; returns both boosters.

        The first is for calibration on `validation`, on which it is not fitted; the second is for predictions.
        """
        stop = {"rounds": rounds, "early_stopping": early_stopping, "refit": True}
        first, second = self._boosters(params, train, validation, stop, checkpoint_every)
        return first, second

    def _boosters(
        self,
        params: Mapping[str, Any],
        train: Table,
        validation: Table,
        stop: Mapping[str, Any],
        checkpoint_every: int,
    ) -> list[Booster]:
        import xgboost

        for name, table in (("train", train), ("validation", validation)):
            _check_table(name, table, self.workers)
            refuse_leaking_features(*table, self.features, self.allowed, self.columns)
        config = {
            "params": {"seed": self.seed, **self._threads(), **params, "verbosity": 0},
            "metric": _metric(params),
            **stop,
            "frequency": checkpoint_every or max(1, stop["rounds"] // REPORTS),
        }
        fitted = self._fit("xgboost", config, (train, validation))
        return [xgboost.Booster(model_file=bytearray(raw)) for raw in fitted]

    def torch(
        self,
        build: Callable[[], Any],
        loss: Callable[..., Any],
        train: ArrayTuple,
        validation: ArrayTuple,
        *,
        epochs: int,
        batch_size: int,
        learning_rate: float,
        early_stopping: int,
        weight_decay: float = 0.0,
        checkpoint_every: int = 0,
        threads: int = 1,
    ) -> bytes:
        """Fit a PyTorch module with AdamW; returns the state dict of its best epoch, as `torch.save` writes it.

        `build()` creates the module. `loss(module, *arrays)` is the mean loss of a batch, with arrays as tensors.
        Both are pickled, so they must be functions at the top level of a module, or `functools.partial` of such.
        The fit ends after `early_stopping` epochs without a lower loss on `validation`. The learning rate falls to
        a tenth along half a cosine over `epochs`. The workers share the rows of each batch and average their
        gradients; for a loss that is a mean over rows, the number of workers changes only rounding. A Ray worker
        that dies is replaced, and the fit resumes from the last checkpoint with the same result. There is one
        every `checkpoint_every` epochs (0 means a twentieth of `epochs`). Each worker uses `threads` threads; with
        more, small modules are slower. Load with `torch.load(io.BytesIO(...), weights_only=True)`.
        Raises `FitFailed`, also when no epoch has a finite validation loss.
        """
        for name, arrays in (("train", train), ("validation", validation)):
            _check_arrays(name, arrays, self.workers)
        config = {
            "build": build,
            "loss": loss,
            "epochs": epochs,
            "rounds": epochs,
            "metric": "loss",
            "batch_size": batch_size,
            "learning_rate": learning_rate,
            "weight_decay": weight_decay,
            "early_stopping": early_stopping,
            "frequency": checkpoint_every or max(1, epochs // REPORTS),
            "seed": self.seed,
            "threads": threads,
        }
        weights = self._fit("torch", config, (train, validation))
        if not weights:
            raise FitFailed("no epoch gave a finite loss on validation; lower the learning rate or check the data")
        return bytes(weights)

    def _fits_here(self) -> bool:
        """Whether fits run in this process: for a single worker, Ray's processes take longer than most fits."""
        return self.workers == 1 and on_this_machine()

    def _fit(self, kind: str, config: dict[str, Any], tables: tuple[ArrayTuple, ArrayTuple]) -> Any:
        """The return value of the worker with rank 0."""
        if self._fits_here():
            return fit_here(kind, config, tables, self._on_round(config))
        private_folder(self.storage)
        with scratch("fit-", self.storage) as folder:
            if self._session is not None:
                self._session.enter_context(connected(self.workers, self.storage))
            with connected(self.workers, self.storage), self._watched(folder / "report.json", config):
                return self._run(kind, config, tables, folder)

    def _run(self, kind: str, config: dict[str, Any], tables: tuple[ArrayTuple, ArrayTuple], folder: Path) -> Any:
        import ray
        from ray.train import CheckpointConfig, FailureConfig, RunConfig, ScalingConfig
        from ray.train.v2.api.config import LoggingConfig
        from ray.train.v2.api.exceptions import TrainingFailedError

        from training.fit.ray_train import ReportFile, trainer_and_function

        trainer, function = trainer_and_function(kind)
        references = tuple(ray.put(given) for given in (config, *tables))
        with environment(RAY_SETTINGS), _restored_signal():
            try:
                result = trainer(
                    function,
                    # Ray shows the configuration in its state, and its controller would import the modules that
                    # it refers to. A callable avoids both.
                    train_loop_config={"given": lambda: references},
                    scaling_config=ScalingConfig(num_workers=self.workers, resources_per_worker={"CPU": 1}),
                    run_config=RunConfig(
                        name="fit",
                        storage_path=str(folder.resolve()),
                        failure_config=FailureConfig(max_failures=self.max_failures),
                        checkpoint_config=CheckpointConfig(num_to_keep=2),
                        callbacks=[ReportFile((folder / "report.json").resolve())],
                        logging_config=LoggingConfig(log_level="ERROR"),
                        worker_runtime_env={"env_vars": WORKER_SETTINGS},
                    ),
                ).fit()
            except SystemExit:
                # Ray's handler of Ctrl-C exits with code 0. The caller decides what Ctrl-C does.
                raise KeyboardInterrupt from None
            except TrainingFailedError as cause:
                raise FitFailed(
                    f"the fit failed {self.max_failures + 1} times; the last error: {cause}"
                ) from cause
        if result.return_value is None:
            raise KeyboardInterrupt
        return result.return_value

    def _on_round(self, config: Mapping[str, Any]) -> Callable[[int, float], None]:
        """A callback for every round or epoch of a fit in this process, with their number and the metric."""

        def report(done: int, score: float) -> None:
            if done % config["frequency"] == 0:
                self._advance(done, config, score)

        return report

    def _advance(self, done: int, config: Mapping[str, Any], score: float) -> None:
        self.progress.advance(done, config["rounds"], f"{config['metric']} {score:.6g}")

    def _threads(self) -> dict[str, int]:
        return {"nthread": max(1, (os.cpu_count() or 1) // self.workers)}

    @contextmanager
    def _watched(self, report: Path, config: dict[str, Any]) -> Iterator[None]:
        """Pass the reports of Ray's workers to the progress during the block."""
        done = threading.Event()

        def watch() -> None:
            seen = 0
            while not done.wait(POLL_SECONDS):
                metrics = json.loads(report.read_text()) if report.exists() else {"round": 0}
                if metrics["round"] != seen:
                    seen = metrics["round"]
                    self._advance(seen, config, metrics["score"])

        thread = threading.Thread(target=watch, name="fit-progress", daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()


def fit_here(
    kind: str, config: dict[str, Any], tables: tuple[Any, Any], on_round: Callable[[int, float], None]
) -> Any:
    """Fit in this process as the workers of Ray Train would; returns what rank 0 would return.

    `on_round` is called after every round or epoch. Raises `FitFailed`, with the library's error as its cause.
    """
    try:
        if kind == "torch":
            from training.fit.torch_fit import descend, isolated

            with isolated():
                return descend(config, *tables, lambda module, adam, state, loss: on_round(state.done, loss))
        from training.fit.boosting import EachRound, boost

        return boost(
            config, *tables, EachRound(config["metric"], lambda booster, done, score: on_round(done, score))
        )
    except Exception as cause:  # the libraries raise errors without a common class
        raise FitFailed(f"the fit failed: {type(cause).__name__}: {cause}") from cause


def _metric(params: Mapping[str, Any]) -> str:
    metric = params.get("eval_metric")
    if not metric:
        raise ValueError("params: eval_metric is missing; early stopping needs one, for example 'mae'")
    return str(metric if isinstance(metric, str) else metric[-1])


def _check_table(name: str, table: Table, workers: int) -> None:
    features, target = table
    if features.ndim != 2 or target.shape[:1] != features.shape[:1]:
        raise ValueError(
            f"{name}: features {features.shape} and target {target.shape} must have the same number of rows"
        )
    if len(features) < workers:
        raise ValueError(f"{name}: {len(features)} rows are too few for {workers} workers; use fewer workers")
    if not np.isfinite(target).all():
        raise ValueError(f"{name}: the target has values that are not finite; drop those rows")


def _check_arrays(name: str, arrays: ArrayTuple, workers: int) -> None:
    rows = {len(array) for array in arrays}
    if len(rows) != 1:
        raise ValueError(f"{name}: the arrays have {sorted(rows)} rows; all must have the same number of rows")
    if min(rows) < workers:
        raise ValueError(f"{name}: {min(rows)} rows are too few for {workers} workers; use fewer workers")
    for index, array in enumerate(arrays):
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise ValueError(f"{name}: array {index} has values that are not finite; impute missing values first")


@contextmanager
def _restored_signal() -> Iterator[None]:
    """Restore the handler of SIGINT after the block: Ray Train replaces it for good."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGINT)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
