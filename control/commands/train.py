"""`slipway train`: from data to a published version."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from control.commands.common import METRIC_COLUMNS, metric_row
from control.console import note, print_json, print_table, stderr
from control.settings import StackSettings

if TYPE_CHECKING:
    from serving.manifest import Check, Metric
    from training.run import TrainRequest, TrainResult

__all__ = ["EPILOG", "run", "train"]

EPILOG = (
    "Examples:  slipway train price   |   slipway train price --data ONION.csv --commodity onion   |   "
    "SLIPWAY_DSN=postgresql://... slipway train price --query 'select * from prices' --workers 2"
)


def train(
    context: typer.Context,
    app: Annotated[str, typer.Argument(help="Name of the app, such as price.")],
    data: Annotated[
        list[Path] | None,
        typer.Option(help="CSV, Parquet or NumPy (.npz) file; give it again for more. Default: synthetic data."),
    ] = None,
    query: Annotated[str, typer.Option(help="SQL query to train on; the DSN comes from SLIPWAY_DSN.")] = "",
    workers: Annotated[int, typer.Option(min=1, help="Ray Train workers.")] = 1,
    seed: Annotated[int, typer.Option(help="Seed of everything random.")] = 7,
    promote: Annotated[bool, typer.Option("--promote", help="Make it champion if it passes its gate.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
) -> None:
    """Train a version: load, validate, split, fit, evaluate, gate, export, parity, register, publish.

    Further options are the app's own, such as --commodity for price. Without data it trains on the app's synthetic
    data and says so. A version that fails its gate is not registered: exit code 3 and a table of what failed.
    """
    from serving.settings import read
    from training.contract import Options
    from training.errors import GateRefused
    from training.run import TrainRequest

    settings = read(StackSettings)
    request = TrainRequest(
        app=app,
        paths=tuple(data or ()),
        query=query,
        dsn=os.environ.get("SLIPWAY_DSN", ""),
        options=Options(select=_own_options(app, context.args), seed=seed),
        workers=workers,
        repository=settings.model_repository,
        home=settings.home,
        promote=promote,
    )
    try:
        result = run(settings, request)
    except GateRefused as refusal:
        _show_refusal(refusal.checks, refusal.run_id, as_json)
        raise
    if as_json:
        print_json(_document(result))
    else:
        _show(result)


def run(settings: StackSettings, request: TrainRequest) -> TrainResult:
    """Train with what runs of the stack; PostgreSQL and MLflow are started for the time it takes if need be."""
    from control.stack.ensure import ensure
    from training.progress import RichProgress
    from training.registry import Registry
    from training.run import train as story

    given = os.environ.get("MLFLOW_TRACKING_URI", "")
    if given:
        return story(request, Registry(given), RichProgress(stderr()))
    with ensure(settings, {"postgres", "mlflow"}) as state:
        os.environ.update(state.environment())
        return story(request, Registry(state.mlflow_uri), RichProgress(stderr()))


def _own_options(app: str, words: Sequence[str]) -> dict[str, str]:
    """`--commodity onion` or `--commodity=onion` to {"commodity": "onion"}. Raises `typer.BadParameter`."""
    from training.recipes import find

    known = find(app).selectable
    found: dict[str, str] = {}
    rest = list(words)
    while rest:
        name, mark, value = rest.pop(0).partition("=")
        if not name.startswith("--") or name[2:] not in known:
            allowed = ", ".join(f"--{each}" for each in known) or "none"
            raise typer.BadParameter(f"{name!r} is not an option of train, nor of {app} (which has: {allowed})")
        if not mark:
            if not rest:
                raise typer.BadParameter(f"{name} needs a value")
            value = rest.pop(0)
        found[name[2:]] = value
    return found


def _show(result: TrainResult) -> None:
    _show_metrics(result.metrics)
    _show_checks(result.checks)
    if result.synthetic:
        note("This version was trained on SYNTHETIC data; its figures say nothing about real ones.")
    spent = ", ".join(f"{name} {seconds:.0f} s" for name, seconds in result.seconds.items() if seconds >= 0.5)
    note(f"{result.app} version {result.version} is published ({spent}; run {result.run_id}).")
    if result.aliases.champion == result.version:
        note("It is champion: it answers when no version is asked for.")
    else:
        command = f"slipway promote {result.app} {result.version}"
        note(f"Champion is still version {result.aliases.champion}; `{command}` changes that.")


def _show_metrics(metrics: Sequence[Metric]) -> None:
    print_table(METRIC_COLUMNS, map(metric_row, metrics))


def _show_checks(checks: Sequence[Check]) -> None:
    rows = [(c.name, "passed" if c.passed else "FAILED", c.measured, c.required) for c in checks]
    print_table(("gate check", "verdict", "measured", "required"), rows)


def _show_refusal(checks: Sequence[Check], run_id: str, as_json: bool) -> None:
    if as_json:
        import msgspec

        print_json({"verdict": "refused", "run_id": run_id, "checks": msgspec.to_builtins(list(checks))})
    else:
        _show_checks(checks)
        note(f"The gate refused this version; run {run_id} keeps the reason.")


def _document(result: TrainResult) -> dict[str, Any]:
    import msgspec

    document: dict[str, Any] = msgspec.to_builtins(result)
    return {"verdict": "registered", **document}
