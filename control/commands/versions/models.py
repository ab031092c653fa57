"""`slipway models`: list the versions and their metrics."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from control.commands.common import METRIC_COLUMNS, metric_row, plain_name
from control.console import note, print_json, print_table
from serving.kernel.storage.version_manifest import Manifest, Metric

__all__ = ["EPILOG", "models"]

EPILOG = (
    "Examples:  slipway models   |   slipway models price --metrics   |   slipway models --refused   |   "
    "slipway models --gallery out"
)
HEADLINES = 2
"""Number of metrics shown for each version; --metrics shows all."""


def models(
    app: Annotated[str, typer.Argument(help="Only this app.")] = "",
    metrics: Annotated[bool, typer.Option("--metrics", help="One row per metric and slice.")] = False,
    refused: Annotated[
        bool, typer.Option("--refused", help="Refused runs: what the failed checks measured and required.")
    ] = False,
    gallery: Annotated[
        Path | None, typer.Option(help="Write a page of all apps' figures, plots and cards into this folder.")
    ] = None,
    chart: Annotated[
        bool, typer.Option("--chart", help="Print `addedModels` for the values of the Helm chart.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Show versions, aliases, metrics beside the naive baseline, and gate verdicts.

    The command reads the model repository. If MLflow is running, the list has also the versions that the gate
    refused, and the page of --gallery has the plots of the runs. --refused starts MLflow if it is not running.
    """
    from control.settings import StackSettings
    from serving.kernel.settings import read

    settings = read(StackSettings)
    if gallery is not None:
        _write_gallery(settings, app, gallery)
        return
    if chart:
        _print_for_chart(settings.model_repository)
        return
    app = plain_name(app)
    if refused:
        from control.commands.versions.refusals import show_refused

        show_refused(settings, app, as_json)
        return
    found = list(_published(settings.model_repository, app))
    runs = _refused(settings, app, {manifest.model for _, manifest in found})
    if as_json:
        print_json({"versions": [_document(alias, manifest) for alias, manifest in found], "refused": runs})
    elif metrics:
        columns = ("app", "version", *METRIC_COLUMNS)
        print_table(columns, [row for _, manifest in found for row in _metric_rows(manifest)])
    else:
        _print_versions(found, runs, app, settings.model_repository)


def _print_for_chart(repository: Path) -> None:
    from control.charts.apps import added_yaml
    from control.console import stdout
    from control.errors import CommandError

    try:
        stdout().print(added_yaml(repository), markup=False, highlight=False, soft_wrap=True, end="")
    except ValueError as cause:
        raise CommandError(str(cause)) from cause


def _write_gallery(settings: Any, only: str, folder: Path) -> None:
    import tempfile

    from control.commands.common import running_registry
    from control.errors import CardError
    from control.gallery import entries, page

    registry = running_registry(settings)
    with tempfile.TemporaryDirectory(prefix="slipway-gallery-") as fetched:
        try:
            found = entries.collect(settings.model_repository, registry, Path(fetched), [only] if only else [])
        except LookupError as cause:
            raise CardError(str(cause)) from cause
        written = page.write(found, folder)
    plots = sum(len(entry.plots) for entry in found)
    note(f"{written}: {len(found)} apps, {plots} plots" + ("" if registry else "; MLflow is not running"))


def _published(repository: Path, only: str) -> list[tuple[str, Manifest]]:
    """Return alias and manifest of every published version."""
    from training.publish.repository import aliases, versions
    from training.publish.servable import read_manifest

    folders = sorted(path for path in repository.iterdir() if path.is_dir()) if repository.is_dir() else []
    found = []
    for folder in folders:
        if only and folder.name != only:
            continue
        named = aliases(repository, folder.name)
        alias = {named.challenger: "challenger", named.champion: "champion"}
        for version in versions(repository, folder.name):
            found.append((alias.get(version, ""), read_manifest(folder / str(version))))
    return found


def _refused(settings: Any, only: str, published: set[str]) -> list[dict[str, str]]:
    from control.commands.common import running_registry
    from training.find_recipe import names

    registry = running_registry(settings)
    if registry is None:
        return []
    apps = [only] if only else sorted({*names(), *published})
    return [{"app": name, **run} for name in apps for run in registry.refusals(name)]


def _print_versions(
    found: list[tuple[str, Manifest]], refused: list[dict[str, str]], only: str, repository: Path
) -> None:
    columns = ("app", "version", "alias", "data", "metrics beside the naive baseline", "gate", "created")
    rows = [
        (
            manifest.model,
            str(manifest.version),
            alias,
            _data(manifest.source, manifest.synthetic),
            "; ".join(_headline(metric) for metric in _headlines(manifest)),
            _verdict(manifest, repository),
            manifest.created,
        )
        for alias, manifest in found
    ]
    rows += [
        (run["app"], "-", "", run["dataset"], "", f"refused: {run['reason']}", run["created"]) for run in refused
    ]
    print_table(columns, rows)
    if not rows and only:
        note(f"{only} has no versions")
    elif not rows:
        note("no versions yet: `slipway train price` trains one on synthetic data")


def _data(source: str, synthetic: bool) -> str:
    return f"SYNTHETIC ({source})" if synthetic else source


def _headlines(manifest: Manifest) -> list[Metric]:
    """Return the metrics whose gain has an interval, else the first metrics that have a baseline."""
    judged = [metric for metric in manifest.metrics if metric.gain_low is not None]
    return (judged or [metric for metric in manifest.metrics if metric.baseline is not None])[:HEADLINES]


def _headline(metric: Metric) -> str:
    where = "" if metric.slice == "all" else f" {metric.slice}"
    return f"{metric.name}{where} {metric.value:.4g} {metric.unit} ({_gain(metric)} {metric.baseline:.4g})"


def _gain(metric: Metric) -> str:
    """Return the relative difference to the baseline in words."""
    if not metric.baseline:
        return "baseline"
    change = 100 * (metric.value - metric.baseline) / abs(metric.baseline)
    return f"{change:+.1f} % against"


def _verdict(manifest: Manifest, repository: Path) -> str:
    from training.publish.parts import stands_alone, users_of

    if not stands_alone(repository, manifest.model) and (users := users_of(repository, manifest.model)):
        return f"part of {', '.join(users)}"
    failed = [check.name for check in manifest.gate if not check.passed]
    if manifest.added and not manifest.gate:
        return "not judged"
    return f"failed: {', '.join(failed)}" if failed else f"passed {len(manifest.gate)} checks"


def _metric_rows(manifest: Manifest) -> list[tuple[str, ...]]:
    return [(manifest.model, str(manifest.version), *metric_row(metric)) for metric in manifest.metrics]


def _document(alias: str, manifest: Manifest) -> dict[str, Any]:
    import msgspec

    document: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(manifest))
    return {"alias": alias or None, **document}
