from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from serving.kernel.app_values import load_values
from serving.kernel.storage.version_manifest import Parity
from serving.kernel.tensors import Arrays
from tests.serving import collected
from tests.training import toy
from training.errors import GateRefused
from training.measures import gate
from training.onnx import parity
from training.recipe import EncoderExport

RECIPE = toy.Toy()


@pytest.fixture(scope="module")
def rows() -> Arrays:
    fitted = RECIPE.fitted(toy.local_booster(), {})
    return RECIPE.parity_inputs(fitted, RECIPE.split(RECIPE.tidy(RECIPE.generate(7), toy.RecipeOptions())))


@pytest.fixture(scope="module")
def native() -> parity.Model:
    return RECIPE.fitted(toy.local_booster(), {}).predict


def test_three_runtimes_agree(native: parity.Model, toy_model: Path, rows: Arrays) -> None:
    lines = parity.report(RECIPE, native, toy_model, rows, load_values(toy.app.folder))
    assert [line.pair for line in lines] == ["native/onnxruntime", "onnxruntime/one at a time", "native/triton"]
    assert all(line.max_error <= 1e-5 and line.flips == 0 for line in lines)
    assert lines[2].rows == len(rows["features"]) >= 1000
    gate.refuse(gate.check_parity(lines))


def leaf(model: onnx.ModelProto) -> None:
    weights = attribute(model, "target_weights").floats
    weights[len(weights) // 2] += 0.01


def threshold(model: onnx.ModelProto) -> None:
    attribute(model, "nodes_values").floats[0] += 0.5


def missing(model: onnx.ModelProto) -> None:
    flags = attribute(model, "nodes_missing_value_tracks_true").ints
    for index in range(len(flags)):
        flags[index] = 1 - flags[index]


def strict(model: onnx.ModelProto) -> None:
    modes = attribute(model, "nodes_modes").strings
    modes[0] = b"BRANCH_GT"


def attribute(model: onnx.ModelProto, name: str) -> onnx.AttributeProto:
    return next(item for item in model.graph.node[0].attribute if item.name == name)


@pytest.mark.parametrize("spoil", [leaf, threshold, missing, strict])
def test_a_planted_mismatch_is_refused(
    native: parity.Model, toy_model: Path, rows: Arrays, tmp_path: Path, spoil: Callable[[onnx.ModelProto], None]
) -> None:
    model = onnx.load(toy_model)
    spoil(model)
    onnx.save(model, tmp_path / "model.onnx")
    lines = parity.report(RECIPE, native, tmp_path / "model.onnx", rows)
    with pytest.raises(GateRefused, match="parity native/onnxruntime y: native/onnxruntime differ by"):
        gate.refuse(gate.check_parity(lines))


def test_too_few_rows_are_no_proof(native: parity.Model, toy_model: Path, rows: Arrays) -> None:
    with pytest.raises(ValueError, match="999 rows; expected at least 1000"):
        parity.report(RECIPE, native, toy_model, {"features": rows["features"][:999]})


def compare(wanted: list[float], found: list[float]) -> Parity:
    columns = [{"y": np.array(values, np.float32).reshape(-1, 1)} for values in (wanted, found)]
    return parity.compare(RECIPE, "a/b", *columns)[0]


def test_what_is_not_a_number_must_be_so_on_both_sides() -> None:
    nan, inf = float("nan"), float("inf")
    assert compare([nan, inf, -inf, 1], [nan, inf, -inf, 1]).max_error == 0
    for found in ([nan, -inf], [inf, inf], [1, inf]):
        line = compare([nan, inf], found)
        assert line.max_error == inf
        assert line.worst_row == (0 if found[0] == found[0] else 1)


def test_flips_count_only_clear_decisions() -> None:
    assert compare([1.0, -1.0, 1e-6], [1.0, 1.0, -1e-6]).flips == 1


@given(arrays(np.float32, 50, elements=st.floats(-1e3, 1e3, width=32)), st.integers(0, 49), st.floats(0.5, 9))
def test_the_worst_row_is_found(values: np.ndarray, row: int, shift: float) -> None:
    moved = values.copy()
    moved[row] += shift
    line = compare(list(values), list(moved))
    assert line.worst_row == row
    assert line.max_error == pytest.approx(shift, rel=1e-2)
    assert line.p50 == 0


def test_an_encoder_is_compared_with_its_native_one(tmp_path: Path) -> None:
    onnx.save(collected.encoder_graph(), tmp_path / "encoder.onnx")
    exact = parity.onnx_model(tmp_path / "encoder.onnx")
    inputs = {"letters": np.random.default_rng(1).random((1100, collected.WIDTH), np.float32)}

    def off(given: Arrays) -> Arrays:
        return {name: array + np.float32(0.01) for name, array in exact(given).items()}

    def report(native: parity.Model, rows: Arrays) -> Parity:
        made = EncoderExport(model=collected.encoder_graph(), predict=native, inputs=rows)
        return parity.encoder_report(collected.app, made, tmp_path / "encoder.onnx")[0]

    assert report(exact, inputs).max_error == 0
    with pytest.raises(GateRefused, match="encoder native/onnxruntime"):
        gate.refuse(gate.check_parity([report(off, inputs)]))
    with pytest.raises(ValueError, match="at least 1000"):
        report(exact, {"letters": inputs["letters"][:10]})


def test_a_small_set_is_filled_up_with_mixed_copies_before_its_unusual_rows(rows: Arrays) -> None:
    held_out = np.round(np.random.default_rng(3).uniform(-9, 9, (167, 2)), 2).astype(np.float32)
    held_out[:, 1] = np.round(held_out[:, 1])
    held_out[5, 0] = np.nan
    odd = np.array([[np.nan, np.nan], [3e38, -3e38]], np.float32)
    given = {"features": np.concatenate([held_out, odd]), "ids": np.arange(169, dtype=np.int32)}
    made = parity.filled(given, 167)
    assert {name: array.dtype for name, array in made.items()} == {"features": np.float32, "ids": np.int32}
    assert len(made["features"]) == len(made["ids"]) == parity.ROWS + 2
    np.testing.assert_array_equal(made["features"][:167], held_out)
    np.testing.assert_array_equal(made["features"][-2:], odd)
    copies = made["features"][167:-2]
    assert set(copies[:, 1]) <= set(held_out[:, 1]), "a whole number may be a code, and stays one"
    assert len(np.unique(copies[:, 0])) > 500
    assert np.nanmax(np.abs(copies)) < 10
    assert set(made["ids"][167:-2].tolist()) <= set(range(167))
    assert parity.filled(rows, len(rows["features"]) - 3) is rows, "a larger set is left alone"


def test_a_larger_set_still_needs_a_thousand_rows(native: parity.Model, toy_model: Path, rows: Arrays) -> None:
    few = parity.filled({"features": rows["features"][:999]}, 2000)
    with pytest.raises(ValueError, match="999 rows"):
        parity.report(RECIPE, native, toy_model, few)
    lines = parity.report(RECIPE, native, toy_model, parity.filled({"features": rows["features"][:167]}, 167))
    gate.refuse(gate.check_parity(lines))
