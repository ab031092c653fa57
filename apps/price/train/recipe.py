"""Training recipe of the price app. The pipeline calls these methods in the order below."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import onnx
import pandas as pd

from apps.price.app import app
from apps.price.schema import PriceContext, PriceQuestion
from apps.price.serve.explain import FAR_NAME, NEAR_NAME
from apps.price.train import data, report, synthetic
from apps.price.train.golden import golden, parity_rows
from apps.price.train.model import (
    COVERAGE,
    DEFAULTS,
    PriceModel,
    fit_model,
    graph,
    importance,
    params_of,
    space,
    split_values,
)
from apps.price.train.windows import Examples, examples
from serving.kernel.storage.version_manifest import Check
from serving.kernel.tensors import Arrays
from training.fit.trainer import Trainer
from training.recipe import Evaluation, Fitted, RealData, Recipe, Split, floors_of

__all__ = ["PriceRecipe", "recipe"]


PARITY_DAYS = 1000
"""Test days, of whole series, from whose windows the parity rows are drawn."""
MOST_DAYS = 250
"""Test days of a series on which single columns are measured."""


class PriceRecipe(Recipe[PriceQuestion]):
    """Trains one version for the commodities of a table."""

    app = app
    schema = data.SCHEMA
    time_column = "date"
    target = "price"
    series = ("commodity", "market")
    forbidden = data.FORBIDDEN
    question_needs = "it needs the prices of the days before, and a horizon"
    carriers: ClassVar = {"price": "the next price follows the market's own last prices"}
    implausible = 0.5  # half of persistence's error; on the real sets, nearly all of it remains
    selectable = ("commodity",)
    defaults = DEFAULTS
    objective = ("mae", "horizon 7")
    real_data = RealData(
        name="onions, Karnataka",
        files=("price/ONION_KARNATAKA.csv",),
        select={"commodity": "onion"},
        floors=(
            *floors_of("horizon 1", mae=234, r2=0.866),
            *floors_of("horizon 1, busy markets", mae=234, r2=0.866),
            *floors_of("horizon 7", mae=450, r2=0.658),
            *floors_of("horizon 7, busy markets", mae=450, r2=0.658),
        ),
        plain="XGBoost on log(price / last price)",
    )

    generate = staticmethod(synthetic.generate)
    tidy = staticmethod(data.tidy)
    split = staticmethod(data.cut)
    space = staticmethod(space)

    def fit(self, split: Split, trainer: Trainer) -> Fitted:
        """Fit two boosters and the width of the interval."""
        train = examples(split.train, hide=np.random.default_rng(trainer.seed))
        validation = examples(_until(split, "validation"), since=split.validation["date"].min())
        trainer.log(f"{len(train.features)} rows to fit on, {len(validation.features)} to stop and calibrate on")
        context = PriceContext(
            commodities=tuple(sorted(split.train["commodity"].unique())),
            markets=tuple(sorted(split.train["market"].unique())),
            groups=data.groups_of(split.train),
            coverage=COVERAGE,
        )
        model = fit_model(train, validation, context, trainer)
        return Fitted(
            predict=model.predict,
            context=model.context,
            files={NEAR_NAME: bytes(model.near.save_raw("ubj")), FAR_NAME: bytes(model.far.save_raw("ubj"))},
            params={
                **params_of(trainer.tuned(DEFAULTS)),
                "near.rounds": model.near.num_boosted_rounds(),
                "far.rounds": model.far.num_boosted_rounds(),
            },
            importance=importance(model),
            model=model,
        )

    def evaluate(self, fitted: Fitted, split: Split) -> Evaluation:
        """Evaluate all test days at sampled horizons; gate horizons also run without the reference price."""
        tested = examples(_until(split, "test"), since=split.test["date"].min())
        alone = examples(
            _until(split, "test"),
            since=split.test["date"].min(),
            horizons=report.GATED_HORIZONS,
            reference=False,
        )
        rows = self._judged(fitted, split, tested)
        found = report.evaluation(rows, self._judged(fitted, split, alone), seed=7)
        return report.named(found, tested.table)

    judged = evaluate

    def sample(self, test: pd.DataFrame, rows: int) -> pd.DataFrame:
        """Return the last days of whole series, because a window needs the days before it."""
        sizes = test.groupby(list(self.series), sort=True).size()
        each = max(MOST_DAYS, rows // len(sizes))
        kept = sizes.index[: max(1, rows // each)]
        chosen = pd.MultiIndex.from_frame(test[list(self.series)]).isin(kept)
        return test[chosen].groupby(list(self.series), sort=False).tail(each)

    def answers(self, fitted: Fitted, split: Split) -> Evaluation:
        """Return prices and answers for the windows of the series in `test`, at the gate's horizons."""
        own = self._whole_series(split, split.test)
        found = examples(own, since=split.test["date"].min(), horizons=report.GATED_HORIZONS)
        rows = report.judged(found.table.assign(busy=False), fitted.predict({"features": found.features}))
        return Evaluation(metrics=(), rows=report.frame(rows))

    def checks(self, evaluation: Evaluation) -> Sequence[Check]:
        """Check for gains over persistence one and seven trading days ahead, and for coverage of the interval."""
        return report.gate(evaluation, COVERAGE)

    def export(self, fitted: Fitted) -> onnx.ModelProto:
        """Export both boosters and the interval as one graph."""
        model: PriceModel = fitted.model
        return graph(model)

    def parity_inputs(self, fitted: Fitted, split: Split) -> Arrays:
        """Return test rows, rows at and next to the model's split values, extreme rows and NaN rows."""
        few = self.sample(split.test, PARITY_DAYS)
        test = examples(self._whole_series(split, few), since=split.test["date"].min())
        model: PriceModel = fitted.model
        return {"features": parity_rows(test.features, split_values(model.near, model.far))}

    def golden(self, split: Split) -> list[PriceQuestion]:
        """Return questions of the test period; some have a short history or lack arrivals or reference."""
        return golden(_until(split, "test"), split.test["date"].min())

    def decisions(self, outputs: Arrays) -> Arrays:
        """Return whether the price rises or falls."""
        return {"direction": outputs["log_ratio"]}

    def _whole_series(self, split: Split, chosen: pd.DataFrame) -> pd.DataFrame:
        """Return all rows of the series that are in `chosen`."""
        return _until(split, "test").merge(chosen[list(self.series)].drop_duplicates(), on=list(self.series))

    def _judged(self, fitted: Fitted, split: Split, rows: Examples) -> report.Judged:
        days = _until(split, "test").groupby(["commodity", "market"]).size().rename("days").reset_index()
        table = rows.table.merge(days, on=["commodity", "market"], how="left")
        table["busy"] = table["days"] >= report.BUSY_DAYS
        return report.judged(table, fitted.predict({"features": rows.features}))


def _until(split: Split, part: str) -> pd.DataFrame:
    """Return all rows up to and including a part; windows of a part extend back into earlier parts."""
    parts = [split.train, split.validation]
    if part == "test":
        parts.append(split.test)
    return pd.concat(parts).sort_values(["commodity", "market", "date"], kind="stable")


recipe = PriceRecipe()
