"""Training recipe of the demand app. The pipeline calls these methods in the order below."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import onnx
import pandas as pd

from apps.demand.app import app
from apps.demand.schema import DemandContext, DemandQuestion, DemandSeries
from apps.demand.train import backtest, data, report, synthetic
from apps.demand.train.backtest import History, Job
from apps.demand.train.calendar import calendar_of
from apps.demand.train.data import Schedule
from apps.demand.train.golden import Events, golden, parity_rows
from apps.demand.train.graph import graph
from apps.demand.train.native import DemandModel
from apps.demand.train.prophet import AHEAD_YEARS, DEFAULTS, Plan, fit_stored, plans, revive, space
from apps.demand.train.tables import effect_names, tables
from serving.kernel.storage.version_manifest import Check
from serving.kernel.tensors import Arrays
from training.fit.trainer import Trainer
from training.recipe import Evaluation, Fitted, RealData, Recipe, Split, floors_of

__all__ = ["COVERAGE", "DemandRecipe", "recipe"]

COVERAGE = 0.8
"""Nominal coverage of the interval."""


@dataclass(frozen=True)
class Made:
    """Results of a fit that later steps use."""

    model: DemandModel
    schedule: Schedule
    backtest: pd.DataFrame
    seed: int


class DemandRecipe(Recipe[DemandQuestion]):
    """Trains one version for the series of a table."""

    app = app
    schema = data.SCHEMA
    time_column = "date"
    target = "demand"
    series = ("series",)
    forbidden = data.FORBIDDEN
    question_needs = "it asks for a day after the last one of the table"
    selectable = ("series",)
    carriers: ClassVar = {"demand": "a forecast continues the past and its seasons"}
    defaults = DEFAULTS
    objective = ("wape", "")
    real_data = RealData(
        name="bike sharing, days",
        files=("demand/hour.csv",),
        floors=floors_of("30 days", wape=20.0, wape_worst=32.0),
        plain="Prophet",
    )

    generate = staticmethod(synthetic.generate)
    tidy = staticmethod(data.tidy)
    split = staticmethod(data.cut)
    space = staticmethod(space)

    def fit(self, split: Split, trainer: Trainer) -> Fitted:
        """Select plans on the validation origins, backtest them, then fit them on all data.

        At each later origin, the backtest refits the selected plans on the data known there. It also sets the
        interval level from the true values known there, so evaluation data never influence a choice. The final
        version is fitted on all data because it must know the latest days. Otherwise, it would forecast past days.
        """
        frame = _whole(split)
        schedule = data.schedule_of(frame)
        series = backtest.history(frame, schedule)
        chosen, early = _choose(series, schedule, trainer)
        jobs = [Job(one, chosen[one.name], schedule, schedule.judged, 0) for one in series]
        rows = pd.concat([early, *trainer.map(backtest.run, jobs)], ignore_index=True)
        level = report.level_at(rows, schedule, 0, COVERAGE)
        levels = {origin: report.level_at(rows, schedule, origin, COVERAGE) for origin in schedule.judged}
        judged = rows[rows["origin"].isin(schedule.judged)].assign(level=lambda part: part["origin"].map(levels))
        trainer.log(f"interval: Prophet's at level {level:.3f}; it covered {COVERAGE:g} of the latest values")
        wanted = [one.known(len(one.days), chosen[one.name], schedule) for one in series]
        models = [revive(text) for text in trainer.map(fit_stored, wanted)]
        made = tables(models, [level] * len(models), schedule.steps, schedule.frequency == "month")
        model = DemandModel(models, made)
        return Fitted(
            predict=model.predict,
            context=_context(frame, model, schedule),
            files={},
            params={
                **trainer.tuned(DEFAULTS),
                "interval.level": round(level, 4),
                **{f"plan.{one.name}": chosen[one.name].name for one in series},
            },
            model=Made(model, schedule, judged, trainer.seed),
        )

    def evaluate(self, fitted: Fitted, split: Split) -> Evaluation:
        """Compare the model with seasonal-naive on six rolling origins per horizon."""
        made: Made = fitted.model
        return report.evaluation(made.backtest, made.schedule, made.seed)

    def inputs(self, test: pd.DataFrame) -> tuple[str, ...]:
        """Return no column: a forecast reads the past of the target and the calendar."""
        return ()

    def checks(self, evaluation: Evaluation) -> Sequence[Check]:
        """Check that the model beats seasonal-naive and that the interval has its nominal coverage."""
        return report.gate(evaluation, COVERAGE)

    def export(self, fitted: Fitted) -> onnx.ModelProto:
        """Export all series as one graph."""
        made: Made = fitted.model
        return graph(made.model.tables)

    def parity_inputs(self, fitted: Fitted, split: Split) -> Arrays:
        """Return past days, days of the horizon, days around changepoints, extreme rows and NaN rows."""
        made: Made = fitted.model
        frame = _whole(split)
        return {
            "features": parity_rows(
                frame, made.model.tables, made.schedule, _events(frame, made.model, made.schedule, 0)
            )
        }

    def golden(self, split: Split) -> list[DemandQuestion]:
        """Return questions about every series at all horizons."""
        frame = _whole(split)
        names = sorted(frame["series"].unique())
        return golden(names, frame["date"].max().date(), data.schedule_of(frame))


def _whole(split: Split) -> pd.DataFrame:
    return pd.concat([split.train, split.validation, split.test]).sort_values(["series", "date"], kind="stable")


def _choose(
    series: Sequence[History], schedule: Schedule, trainer: Trainer
) -> tuple[dict[str, Plan], pd.DataFrame]:
    """Return the plan of each series, and its rows of the validation part."""
    known = {plan.name: plan for plan in plans(schedule.frequency, trainer.tuned(DEFAULTS))}
    jobs = [
        Job(one, plan, schedule, schedule.choosing, schedule.held_out) for one in series for plan in known.values()
    ]
    rows = pd.concat(trainer.map(backtest.run, jobs), ignore_index=True)
    names = report.choose(rows)
    for name, plan in names.items():
        trainer.log(f"{name}: plan {plan!r}")
    used = rows[rows["plan"] == rows["series"].map(names)]
    return {name: known[plan] for name, plan in names.items()}, used


def _context(frame: pd.DataFrame, model: DemandModel, schedule: Schedule) -> DemandContext:
    units = frame.groupby("series", sort=True)["unit"].first()
    last = frame["date"].max().date()
    return DemandContext(
        series=tuple(DemandSeries(name=str(name), unit=unit, last_date=last) for name, unit in units.items()),
        frequency=schedule.frequency,
        steps=schedule.steps,
        coverage=COVERAGE,
        events=dict(_events(frame, model, schedule, 1)),
    )


def _events(frame: pd.DataFrame, model: DemandModel, schedule: Schedule, since: int) -> Events:
    """Return the calendar to the end of the horizon: from the day after the last (`since` 1), or all of it (0)."""
    last = frame["date"].max().date()
    first = schedule.back(last, -1) if since else frame["date"].min().date()
    years = (frame["date"].min().year, last.year + AHEAD_YEARS)
    return calendar_of(effect_names(model.models), first, schedule.back(last, -schedule.steps), years)


recipe = DemandRecipe()
