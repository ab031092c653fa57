from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pandas as pd
import pytest

from apps.struggle.app import app
from apps.struggle.schema import DAYS
from apps.struggle.train.model import calibrated
from apps.struggle.train.recipe import recipe
from apps.struggle.train.report import ALLOWED
from tests.apps.struggle.students import fitted
from tests.apps.struggle.students import table as table_of_students
from tests.real import judged, table
from tests.training.local import LocalTrainer
from training.data import read
from training.data.leaks import refuse_leaks
from training.errors import DataError
from training.measures.carried import check_carried
from training.onnx.parity import compare
from training.recipe import Dataset


def test_the_graph_gives_what_the_native_model_gives() -> None:
    made, split = fitted()
    session = onnxruntime.InferenceSession(recipe.export(made).SerializeToString())
    inputs = recipe.parity_inputs(made, split)
    assert len(inputs["features"]) >= 1000
    found = dict(zip([spec.name for spec in app.outputs], session.run(None, inputs), strict=True))
    for line in compare(recipe, "native/onnxruntime", made.predict(inputs), found):
        assert line.max_error <= app.tolerance and line.flips == 0


def test_every_measure_has_the_rule_beside_it_and_the_gate_reads_them() -> None:
    made, split = fitted()
    report = recipe.evaluate(made, split)
    assert report.kind == "probabilities"
    assert {metric.slice for metric in report.metrics if metric.baseline is None} == {ALLOWED}
    parts = {metric.slice for metric in report.metrics}
    assert parts >= {"all", *(f"day {day}" for day in DAYS), "gender F", "disability N", "deprivation 0-30%"}
    checks = recipe.checks(report)
    assert {check.name for check in checks} >= {
        "calibration",
        "beats the rule, all days",
        "beats the rule, day 60",
    }


def test_labels_by_lot_are_refused() -> None:
    made, split = fitted()
    chance = np.random.default_rng(1).permutation(split.test["struggles"].to_numpy())
    lot = recipe.evaluate(made, type(split)(**{**vars(split), "test": split.test.assign(struggles=chance)}))
    assert not all(check.passed for check in recipe.checks(lot))


def test_thresholds_and_calibration_come_from_validation_rows_of_the_day() -> None:
    made, split = fitted()
    assert len(set(made.context.thresholds)) > 1  # type: ignore[attr-defined]
    features = np.zeros((600, len(app.feature_names)), np.float32)
    features[:, 0] = np.repeat([30, 180], 300)
    chance = np.random.default_rng(0)
    odds = chance.normal(0, 2, 600)
    target = (chance.random(600) < 1 / (1 + np.exp(-odds))).astype(int)
    found = calibrated(features, odds + np.repeat([1.0, -1.0], 300), target)
    assert found.shifts[0] == pytest.approx(-1, abs=0.5)
    assert found.shifts[3] == pytest.approx(1, abs=0.5)
    # Days without rows take what holds for all days together.
    assert found.slopes[1] == found.slopes[2]
    # A miss costs 1.5 false alarms, so a calibrated 0.4 is about where flagging begins.
    assert 0.25 < found.thresholds[0] < 0.55


FLOORS = {60: (0.770, 0.727, 0.597), 120: (0.838, 0.781, 0.664), 180: (0.893, 0.823, 0.726)}
"""Day to AUROC, accuracy and recall of plain XGBoost on OULAD."""


@pytest.fixture(scope="module")
def oulad(real_data: Path) -> Dataset:
    """The real tables, joined."""
    return read.from_tables([real_data / "struggle"], recipe.tables, recipe.join)


@pytest.fixture(scope="module")
def whole(oulad: Dataset) -> pd.DataFrame:
    """The tidy table of the real students."""
    return table(recipe, oulad)


@pytest.mark.slow
def test_the_real_tables_reach_their_floors_and_pass_the_gate(whole: pd.DataFrame, tmp_path: Path) -> None:
    made = judged(recipe, whole)
    assert all(check.passed for check in (*made.checks, *made.parity(tmp_path / "model.onnx")))
    for day, floors in FLOORS.items():
        for name, floor in zip(("auroc", "accuracy", "recall"), floors, strict=True):
            assert made.metrics[name, f"day {day}"].value >= floor, (name, day)


@pytest.mark.slow
def test_nobody_who_has_withdrawn_is_in_the_real_tables(oulad: Dataset, whole: pd.DataFrame) -> None:
    assert len(oulad.frame) == 32593
    gone = oulad.frame["date_unregistration"].replace("?", np.nan).astype(float).reindex(whole.index)
    assert not (gone <= whole["day"]).any()


@pytest.mark.parametrize(("column", "wrong"), [("registered", 0.005), ("credits", 0.01)])
def test_a_column_that_tells_the_result_is_refused_by_its_name(column: str, wrong: float) -> None:
    """Found before the fit where it is hardly ever wrong, and by what the fit makes of it otherwise."""
    made, random = table_of_students(), np.random.default_rng(1)
    one = ~made.index.duplicated()
    bad = (made["struggles"][one] == 1).to_numpy() ^ (random.random(one.sum()) < wrong)
    told = np.where(bad, random.integers(-90, -40, one.sum()), random.integers(-40, 10, one.sum()))
    values = pd.Series(told + (0 if column == "registered" else 100), index=made.index[one], dtype=float)
    leaking = made.assign(**{column: values.reindex(made.index).to_numpy()})
    if column == "registered":
        with pytest.raises(DataError, match="column 'registered' alone predicts .*--allow-column registered"):
            refuse_leaks(recipe, leaking)
        return
    split = recipe.split(leaking)
    check = check_carried(recipe, recipe.fit(split, LocalTrainer(25)), split)
    assert not check.passed
    assert check.reason.startswith("column 'credits' is behind an implausibly good score (AUROC 0.9")


def test_the_assessments_are_expected_to_carry_most_and_the_check_says_so() -> None:
    made, split = fitted()
    check = check_carried(recipe, made, split)
    assert check.passed
    assert "is lost without assessments (expected: it holds all results" in check.measured
