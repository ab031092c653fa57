from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest

from tests.training import toy
from training.compare.rerun import published
from training.errors import DataError
from training.publish.servable import ServableError, read_manifest, seal
from training.recipe import RecipeOptions


def test_a_published_version_answers_as_its_native_model(toy_servable: Path) -> None:
    recipe = toy.Toy()
    parts = recipe.split(recipe.tidy(recipe.generate(3), RecipeOptions()))
    fitted = published(toy.app, toy_servable)
    assert fitted.model is None and fitted.context == toy.Context()
    found = recipe.judged(fitted, parts)
    wanted = recipe.evaluate(recipe.fitted(toy.local_booster(), {}), parts)
    assert found.rows["predicted"].to_numpy() == pytest.approx(wanted.rows["predicted"].to_numpy(), abs=1e-5)


def test_many_rows_are_asked_in_parts(toy_servable: Path) -> None:
    fitted = published(toy.app, toy_servable)
    inputs = np.random.default_rng(1).normal(size=(10_000, 2)).astype(np.float32)
    whole = fitted.predict({"features": inputs})["y"]
    assert whole.shape == (10_000, 1)
    assert np.array_equal(whole[9_000:], fitted.predict({"features": inputs[9_000:]})["y"])


def test_a_changed_file_is_refused(toy_servable: Path) -> None:
    (toy_servable / "booster.ubj").write_bytes(b"other")
    with pytest.raises(ServableError, match=r"booster\.ubj"):
        published(toy.app, toy_servable)


def test_another_signature_or_context_is_refused(toy_servable: Path) -> None:
    manifest = read_manifest(toy_servable)
    seal(toy_servable, msgspec.structs.replace(manifest, context=msgspec.Raw(b'{"shift": "far"}')))
    with pytest.raises(DataError, match="its context does not fit the current app"):
        published(toy.app, toy_servable)
    seal(toy_servable, msgspec.structs.replace(manifest, inputs=()))
    with pytest.raises(DataError, match="its inputs or outputs differ from the app's current ones"):
        published(toy.app, toy_servable)


def test_a_recipe_that_needs_its_native_model_says_so(toy_servable: Path) -> None:
    class Bare(toy.Toy):
        judged = toy.Recipe.judged

    parts = toy.Toy().split(toy.Toy().tidy(toy.Toy().generate(3), RecipeOptions()))
    with pytest.raises(DataError, match="toy: a published version cannot be judged on a file"):
        Bare().judged(published(toy.app, toy_servable), parts)
