"""The search for a recipe's parameters, on the rows before the test part."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from serving.kernel.storage.private_files import private_folder
from training.data.split import check
from training.errors import DataError, TuneError
from training.find_recipe import RecipeError
from training.fit.ray_session import connected, environment
from training.fit.scratch import scratch
from training.fit.trainer import WORKER_SETTINGS
from training.progress import Progress
from training.recipe import Recipe, RecipeOptions, Split
from training.registry.mlflow_registry import Registry
from training.registry.tuning_results import TrialResult, Tuned, best_of

if TYPE_CHECKING:
    from training.tune.study import Study

__all__ = ["Search", "check_space", "nested", "search"]

SETTINGS = {
    # A trial reports losses while it fits, and its cost at the end.
    "TUNE_DISABLE_STRICT_METRIC_CHECKING": "1",
    # The study stores the results; Tune's own files are not read.
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_GLOBAL_CHECKPOINT_S": "3600",
    "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",
    # The caller handles Ctrl-C.
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    # A trial that runs out of time may be inside one long call.
    "TUNE_FORCE_TRIAL_CLEANUP_S": "1",
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
    # The new reporter prints to standard output at any verbosity.
    "RAY_AIR_NEW_OUTPUT": "0",
    **WORKER_SETTINGS,
}


@dataclass(frozen=True, kw_only=True)
class Search:
    """The data of a search, its limits, and its folder."""

    recipe: Recipe[Any]
    tidy: pd.DataFrame
    parts: Split
    dataset_sha256: str
    options: RecipeOptions = field(default_factory=RecipeOptions)
    trials: int = 20
    minutes: float | None = None
    workers: int = 1
    """Trials at a time."""
    home: Path = Path(".slipway")
    run_id: str = ""
    """The registry run to which the trials belong."""

    @property
    def metric(self) -> str:
        """Name of the metric, with its slice."""
        name, part = self.recipe.objective
        return name if part in ("", "all") else f"{name}/{part}"

    def digest(self, inner: Split) -> str:
        """A digest of what two equal searches share: data, selection, split, space, seed and metric."""
        from optuna.distributions import distribution_to_json

        space = {name: distribution_to_json(one) for name, one in self.recipe.space().items()}
        facts = [
            self.recipe.app.name,
            self.dataset_sha256,
            sorted(self.options.select.items()),
            self.options.seed,
            [self.parts.description, inner.description],
            [space, dict(self.recipe.defaults)],
            self.recipe.objective,
        ]
        return hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()[:16]


def search(wanted: Search, registry: Registry, progress: Progress) -> Tuned:
    """Run trials, the defaults first, until there are enough or the time is over. Resumes an earlier search.

    Raises `TuneError` when no trial finished, `DataError` when the rows before the test part cannot be split
    again, and `RegistryError` when trials could not be logged.
    """
    from training.tune.ledger import Ledger
    from training.tune.study import opened

    check_space(wanted.recipe)
    recipe, inner = wanted.recipe, nested(wanted.recipe, wanted.tidy, wanted.parts)
    folder = wanted.home / "tune" / recipe.app.name / wanted.digest(inner)
    with opened(folder, recipe.space(), recipe.defaults, wanted.options.seed) as study:
        before = len(study.ended())
        if before:
            progress.log(f"resuming: {before} trials of this search are already finished")
        ledger = Ledger(registry, recipe.app.name, study.id, wanted.run_id, wanted.metric)

        def on_end(trial: TrialResult) -> None:
            _report(trial, study, wanted, progress)
            ledger.write(trial, progress)

        if before < wanted.trials:
            _run(wanted, inner, study, on_end)
        trials = tuple(study.ended())
        ledger.complete(trials)
    best = best_of(trials)
    if best is None:
        raise _none_finished(trials, wanted, folder)
    return Tuned(
        metric=wanted.metric,
        best=best.number,
        params=best.params,
        defaults=dict(recipe.defaults),
        trials=trials,
        folder=str(folder),
    )


def check_space(recipe: Recipe[Any]) -> None:
    """Raise `TuneError` for a recipe without a space, `RecipeError` when its defaults do not fit its space."""
    space, name = recipe.space(), recipe.app.name
    if not space:
        raise TuneError(f"{name} has nothing to tune; give its recipe a `space`, or leave out --tune")
    if set(space) != set(recipe.defaults):
        odd = sorted(set(space) ^ set(recipe.defaults))
        raise RecipeError(f"{name}: {odd[0]!r} is in only one of `space` and `defaults`; add it to the other")
    from optuna.trial import create_trial

    for one, distribution in space.items():
        try:
            create_trial(params={one: recipe.defaults[one]}, distributions={one: distribution}, value=0.0)
        except ValueError as cause:
            raise RecipeError(
                f"{name}: the default {one} = {recipe.defaults[one]} is outside {distribution}"
            ) from cause


def nested(recipe: Recipe[Any], tidy: pd.DataFrame, parts: Split) -> Split:
    """Train and validation split again, with the rows in the order of `tidy`. Raises `DataError`."""
    frame = pd.concat([parts.train, parts.validation])
    if tidy.index.is_unique:
        frame = tidy[tidy.index.isin(frame.index)]
    frame.attrs = dict(tidy.attrs)
    try:
        return check(recipe.nest(frame), recipe.time_column)
    except DataError as cause:
        raise DataError(f"the rows before the test part cannot be split again for a search: {cause}") from cause


def _run(wanted: Search, inner: Split, study: Study, on_end: Callable[[TrialResult], None]) -> None:
    from training.tune.trial import Task

    threads = max(1, (os.cpu_count() or 1) // wanted.workers)
    task = Task(
        recipe=wanted.recipe,
        split=inner,
        seed=wanted.options.seed,
        threads=threads,
        allowed=wanted.options.allowed,
    )
    storage = wanted.home / "fits"
    private_folder(storage)
    with (
        scratch("tune-", storage) as folder,
        environment(SETTINGS),
        connected(wanted.workers, storage),
    ):
        # Ray reads its token when it is imported, and `connected` sets the token.
        from training.tune.drive import drive

        drive(study, task, wanted.trials, wanted.minutes, wanted.workers, folder, on_end)


def _report(trial: TrialResult, study: Study, wanted: Search, progress: Progress) -> None:
    """Show a line for a trial that ended."""
    ended = study.ended()
    best = best_of(ended)
    so_far = f"best {best.value:.6g} (trial {best.number})" if best and best.value is not None else "no best yet"
    what = f"{wanted.metric} {trial.value:.6g}" if trial.value is not None else f"{trial.state}: {trial.reason}"
    name = f"trial {trial.number}" + ("" if trial.number else ", the defaults")
    progress.log(f"{name}: {what}, {so_far}, {trial.seconds:.1f} s")
    progress.advance(len(ended), wanted.trials, so_far)


def _none_finished(trials: tuple[TrialResult, ...], wanted: Search, folder: Path) -> TuneError:
    """Why no trial finished. Deletes a search whose trials all failed, so that the next one starts over."""
    failed = [trial for trial in trials if trial.state == "failed"]
    if failed and len(failed) == len(trials):
        shutil.rmtree(folder)
        return TuneError(f"all {len(failed)} trials failed; the first: {failed[0].reason}")
    if wanted.minutes is not None:
        return TuneError(
            f"no trial finished within {wanted.minutes:g} minutes; give more with --tune-minutes, or less data"
        )
    return TuneError(f"none of {len(trials)} trials finished; {len(failed)} failed; run more trials with --tune")
