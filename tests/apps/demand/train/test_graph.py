"""The exported graph beside Prophet's own answers."""

from __future__ import annotations

import datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from apps.demand.app import app
from apps.demand.serve.columns import FEATURES
from apps.demand.serve.features import row
from apps.demand.train.calendar import calendar_of
from apps.demand.train.graph import graph
from apps.demand.train.native import DemandModel
from apps.demand.train.prophet import point
from apps.demand.train.tables import effect_names, tables
from serving.kernel.tensors import Arrays
from tests.apps.demand.tables import model
from training.onnx import export, parity

FIRST = datetime.date(2022, 1, 1)
KINDS = (("additive", "linear"), ("multiplicative", "linear"), ("additive", "flat"))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[DemandModel, parity.Model]:
    """Series of every kind, with and without holidays, in one graph."""
    models = [model(mode, growth, events) for mode, growth in KINDS for events in (False, True)]
    built = tables(models, [0.8, 0.9] * 3, 90, monthly=False)
    path = tmp_path_factory.mktemp("graph") / "model.onnx"
    export.save(app, graph(built), path)
    return DemandModel(models, built), parity.onnx_model(path)


def rows(models: int, effects: tuple[str, ...]) -> npt.NDArray[np.float64]:
    days = [FIRST + datetime.timedelta(days=day) for day in range(0, 890, 3)]
    events = calendar_of(effects, FIRST, days[-1], (2022, 2026))
    last = FIRST + datetime.timedelta(days=799)
    return np.array(
        [row(series, day, max(0, (day - last).days), events) for series in range(models) for day in days]
    )


def test_answers_equal_prophets(made: tuple[DemandModel, parity.Model]) -> None:
    native, onnx = made
    features = rows(len(native.models), effect_names(native.models))
    assert features[:, FEATURES.index("event_1")].any()
    found = onnx({"features": features})
    for place, fitted in enumerate(native.models):
        mine = features[:, 0] == place
        wanted = point(fitted, features[mine, 1])[0]
        np.testing.assert_allclose(found["forecast"][mine, 0], wanted, rtol=1e-9)
    wanted_all = native.predict({"features": features})
    for name, values in found.items():
        np.testing.assert_allclose(values, wanted_all[name], rtol=1e-9, err_msg=name)


def test_a_higher_level_reaches_further(made: tuple[DemandModel, parity.Model]) -> None:
    native, onnx = made
    asked: Arrays = {"features": rows(2, ())}
    found = onnx(asked)
    width = (found["high"] - found["low"])[:, 0].reshape(2, -1)
    assert (width[1] > width[0]).all()
    assert width[0, -1] > width[0, 0]


@pytest.mark.parametrize("column", range(len(FEATURES)))
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_broken_row_is_nan_and_spoils_no_other(
    made: tuple[DemandModel, parity.Model], column: int, value: float
) -> None:
    features = rows(1, ())[:3]
    fine = made[1]({"features": features})["forecast"]
    broken = features.copy()
    broken[1, column] = value
    found = made[1]({"features": broken})
    assert all(np.isnan(values[1]).all() for values in found.values())
    np.testing.assert_array_equal(found["forecast"][[0, 2]], fine[[0, 2]])


def test_extreme_numbers_are_cut_to_the_range(made: tuple[DemandModel, parity.Model]) -> None:
    for value in (1e300, -1e300, 1e30, -1.0):
        features = rows(1, ())[:1]
        features[:] = value
        assert all(np.isfinite(values).all() for values in made[1]({"features": features}).values())


def test_the_same_tables_give_the_same_bytes(made: tuple[DemandModel, parity.Model], tmp_path: Path) -> None:
    for name in ("a", "b"):
        export.save(app, graph(made[0].tables), tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
