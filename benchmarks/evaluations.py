"""Tables of what models are worth on real data: all apps, the anomaly sets, the price files."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

from apps.fraud.train import anomaly_sets
from apps.price.train import real_files
from control.commands.common import METRIC_COLUMNS, metric_row
from control.console import note, print_table
from training.floors import catalog
from training.floors.real_data import data_folder, verdict

__all__ = ["GOAL_SECONDS", "all_apps", "fraud_sets", "metric_rows", "price_files"]

GOAL_SECONDS = 15 * 60.0
"""For all apps together, on two cores."""


def all_apps() -> None:
    """Train every app and print two tables. Raises `DataError` without data."""
    folder = data_folder()
    before, outcomes = os.getloadavg()[0], []
    for outcome in catalog.train_all(folder):
        outcomes.append(outcome)
        state = f"refused: {outcome.refused}" if outcome.refused else "published"
        note(f"{outcome.app} on {outcome.data.name}: {outcome.seconds:.0f} s, {state}")
    total = sum(outcome.seconds for outcome in outcomes)
    columns: tuple[str, ...] = ("app", "data", *catalog.STEPS, "all", "version")
    print_table(columns, map(catalog.step_row, outcomes), "seconds to train, one worker")
    note(
        f"{total:.0f} s for all; goal: under {GOAL_SECONDS:.0f} s: {verdict(total < GOAL_SECONDS)}. "
        f"Load average {before:.1f} before and {os.getloadavg()[0]:.1f} after, {os.cpu_count()} cores"
    )
    columns = ("app", *METRIC_COLUMNS, "floor", "", "floor of")
    print_table(columns, metric_rows(catalog.compared(outcomes)), "metrics beside the floors of plain models")


def metric_rows(lines: Iterable[catalog.Compared]) -> Iterator[tuple[str, ...]]:
    """One row per floor: the metric beside the naive baseline and the floor."""
    for line in lines:
        cells: tuple[str, ...] = (line.name, line.part, *[""] * (len(METRIC_COLUMNS) - 2))
        if line.metric is not None:
            cells = metric_row(line.metric)
        yield (line.app, *cells, f"{line.floor:.4g}", line.verdict, line.plain)


def fraud_sets() -> None:
    """Judge the fraud app on its seven sets and print two tables. Raises `DataError` without data."""
    found = []
    for one in anomaly_sets.judge_all(data_folder() / "fraud"):
        note(f"{one.name}: {one.seconds:.0f} s; {one.refused or 'passes its gate'}")
        found.append(one)
    ranking, alerts = map(anomaly_sets.ranking_row, found), map(anomaly_sets.alert_row, found)
    print_table(anomaly_sets.RANKING, ranking, "ranking, test part; naive: the distance from the median")
    print_table(anomaly_sets.ALERTS, alerts, "alerts (HIGH), at a threshold from normal records of validation")


def price_files() -> None:
    """Train the price app on each of its files and print a table of each. Raises `DataError` without data."""
    for result in real_files.train_each(data_folder() / "price"):
        if result.refused:
            note(f"{result.commodity}: refused: {result.refused}")
            continue
        note(f"{result.commodity}: {result.seconds:.0f} s in all")
        print_table(METRIC_COLUMNS, map(metric_row, result.metrics), result.commodity)
        for horizon, (mae, r2) in real_files.FLOORS.get(result.commodity, {}).items():
            note(f"floor at horizon {horizon}: MAE {mae}, R2 {r2}")
