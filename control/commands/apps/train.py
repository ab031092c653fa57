"""`slipway train`: train a version and publish it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from control.commands.apps.verdicts import show_checks, show_metrics, show_refusal
from control.commands.common import own_options
from control.console import note, print_json, print_table
from control.settings import StackSettings

if TYPE_CHECKING:
    from training.registry.tuning_results import TrialResult, Tuned
    from training.run import TrainRequest, TrainResult

__all__ = ["EPILOG", "Where", "train"]

EPILOG = (
    "Examples:  slipway train price   |   slipway train price --data ONION.csv --commodity onion   |   "
    "SLIPWAY_DSN=postgresql://... slipway train price --query 'select * from prices' --workers 2   |   "
    "slipway train price --tune 30 --tune-minutes 20   |   "
    "slipway train price --data s3://data/prices.csv --on cluster --print"
)
SHOWN_TRIALS = 5


class Where(StrEnum):
    """The place where a training runs."""

    HERE = "here"
    CLUSTER = "cluster"


def train(
    context: typer.Context,
    app: Annotated[str, typer.Argument(help="Name of the app, such as price, or its package: acme.rainfall.")],
    data: Annotated[
        list[str] | None,
        typer.Option(
            help="CSV, TSV, Parquet or NumPy file, or a folder with the app's tables, local or s3://...; "
            "may be repeated. Default: synthetic data."
        ),
    ] = None,
    query: Annotated[str, typer.Option(help="SQL query for the data; SLIPWAY_DSN names the database.")] = "",
    workers: Annotated[
        int, typer.Option(min=1, help="Workers, from 2 on by Ray Train; in a search, concurrent trials.")
    ] = 1,
    seed: Annotated[int, typer.Option(help="Seed of all random numbers.")] = 7,
    allow_column: Annotated[
        list[str] | None, typer.Option(help="Keep this column although it looks like a leak; may be repeated.")
    ] = None,
    promote: Annotated[bool, typer.Option("--promote", help="Make it champion if it passes its gate.")] = False,
    tune: Annotated[
        int | None,
        typer.Option(min=2, help="Search for better parameters first, with this many trials, the defaults first."),
    ] = None,
    tune_minutes: Annotated[
        float | None, typer.Option(help="End the search after this many minutes and use the best trial so far.")
    ] = None,
    on: Annotated[Where, typer.Option(help="Where to train; `cluster` is a RayJob on Kubernetes.")] = Where.HERE,
    print_only: Annotated[
        bool, typer.Option("--print", help="With --on cluster: print the RayJob and submit nothing.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
) -> None:
    """Train a version: load, validate, split, fit, evaluate, gate, export, parity, register, publish.

    Apps have options of their own, such as --commodity for price. Without data, the command trains on the app's
    synthetic data and says so. A version that fails its gate is not registered: the exit code is 3, and tables
    show its metrics and the failed checks. A file that cannot be trained on is refused before anything is started.

    The columns of a text file may be separated by commas, semicolons, tabs or bars, and its numbers may look like
    1,10,000. Where the text does not show how to read it, --decimal comma or point says which mark precedes the
    decimals, and --dates day-first or month-first how dates such as 03/04/2024 are read.

    With --tune, the search never uses the test part. Its best parameters are fitted and judged like any others.
    The same command, also with more trials, continues an interrupted search.

    With --on cluster, the same command runs on the cluster. SLIPWAY_TRAINING_* set the image and the resources.
    The command follows the log and exits with the job's exit code. Interrupting it leaves the job running.
    """
    from serving.kernel.settings import read
    from training.data.notation import READING
    from training.find_recipe import find
    from training.recipe import RecipeOptions

    if tune_minutes is not None and (tune is None or not 0 < tune_minutes < float("inf")):
        raise typer.BadParameter(f"--tune-minutes {tune_minutes:g}: must be more than 0, and needs --tune")
    if print_only and on is Where.HERE:
        raise typer.BadParameter("--print needs --on cluster")
    settings = read(StackSettings)
    recipe = find(app)
    select = own_options("train", app, (*recipe.selectable, *READING), context.args)
    options = RecipeOptions(select=select, seed=seed, allowed=tuple(allow_column or ()))
    from training.run import TrainRequest  # takes seconds: errors in the options are reported before it

    request = TrainRequest(
        app=recipe.app.name,
        package=recipe.app.listed_name,
        paths=tuple(data or ()),
        query=query,
        dsn=os.environ.get("SLIPWAY_DSN", ""),
        options=options,
        workers=workers,
        repository=settings.model_repository,
        home=settings.home,
        promote=promote,
        tune=tune or 0,
        tune_minutes=tune_minutes,
    )
    if on is Where.CLUSTER:
        raise typer.Exit(_there(settings, request, print_only, as_json))
    _train_here(settings, request, as_json)


def _train_here(settings: StackSettings, request: TrainRequest, as_json: bool) -> None:
    from control.trainings.run import train_on_stack
    from training.errors import GateRefused

    try:
        result = train_on_stack(settings, request)
    except GateRefused as refusal:
        show_refusal(refusal, as_json)
        raise
    if as_json:
        print_json(_document(result))
    else:
        _show(result)


def _there(settings: StackSettings, request: TrainRequest, print_only: bool, as_json: bool) -> int:
    from control.cluster.run import train_on_cluster
    from control.cluster.settings import ClusterSettings
    from serving.kernel.settings import read

    return train_on_cluster(request, settings, read(ClusterSettings), print_only, as_json)


def _show(result: TrainResult) -> None:
    if result.tuned:
        _show_search(result.tuned)
    show_metrics(result.metrics)
    show_checks(result.checks)
    if result.synthetic:
        note("This version was trained on SYNTHETIC data; its figures say nothing about real data.")
    spent = ", ".join(f"{name} {seconds:.0f} s" for name, seconds in result.seconds.items() if seconds >= 0.5)
    note(f"{result.app} version {result.version} is published ({spent}; run {result.run_id}).")
    if result.aliases.champion == result.version:
        note("It is the champion: it answers requests that name no version.")
    else:
        command = f"slipway promote {result.app} {result.version}"
        note(f"The champion is still version {result.aliases.champion}; `{command}` changes that.")


def _show_search(tuned: Tuned) -> None:
    """Show the best trials, and the trial with the defaults."""
    ranking = tuned.ranking()
    shown = ranking[:SHOWN_TRIALS] + [one for one in ranking[SHOWN_TRIALS:] if one.number == 0]
    names = sorted(tuned.defaults)
    print_table(("trial", tuned.metric, *names), (_trial_row(one, names) for one in shown))
    states = [one.state for one in tuned.trials]
    note(
        f"The search: {states.count('finished')} of {len(states)} trials finished, {states.count('pruned')} were "
        f"stopped early, {states.count('failed')} failed. {tuned.metric} is measured on rows before the test part."
    )


def _trial_row(trial: TrialResult, names: Sequence[str]) -> tuple[str, ...]:
    values = (trial.params[name] for name in names)
    cells = (f"{value:.4g}" if isinstance(value, float) else str(value) for value in values)
    return (str(trial.number) if trial.number else "0, the defaults", f"{trial.value:.6g}", *cells)


def _document(result: TrainResult) -> dict[str, Any]:
    import msgspec

    document: dict[str, Any] = msgspec.to_builtins(result)
    return {"verdict": "registered", **document}
