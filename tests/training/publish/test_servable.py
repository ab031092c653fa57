from __future__ import annotations

import dataclasses
from pathlib import Path

import msgspec
import numpy as np
import pytest

from serving.kernel.storage.version_manifest import GoldenRow
from serving.kernel.tensors import Arrays
from tests.training import toy
from training.publish import servable
from training.publish.servable import ServableError


def test_golden_rows_hold_question_features_outputs_and_answer(toy_servable: Path) -> None:
    lines = (toy_servable / "golden.jsonl").read_bytes().splitlines()
    rows = [msgspec.json.decode(line, type=GoldenRow) for line in lines]
    assert msgspec.json.decode(rows[1].question, type=toy.Question) == toy.Question(0.1)
    assert rows[1].features == {"features": [pytest.approx(0.1), None]}
    answer = msgspec.json.decode(rows[0].answer, type=toy.Answer)
    assert answer.y == rows[0].outputs["y"][0]


def test_features_that_look_at_their_neighbours_are_refused(tmp_path: Path) -> None:
    def centred(questions: list[toy.Question], context: toy.Context) -> Arrays:
        features = toy.features(questions, context)["features"]
        return {"features": features - np.nanmean(features, axis=0)}

    recipe = toy.Toy()
    app = dataclasses.replace(toy.app, features=centred)
    fitted = recipe.fitted(toy.local_booster(3), {})
    with pytest.raises(ServableError, match="golden question 0: its features depend on the other"):
        servable.write_golden(tmp_path, app, [toy.Question(1, 1), toy.Question(2, 3)], fitted)
    with pytest.raises(ServableError, match="no questions"):
        servable.write_golden(tmp_path, toy.app, [], fitted)


@pytest.mark.parametrize("name", ["model.onnx", "manifest.json", "../up", "a/b", ".hidden"])
def test_a_recipe_cannot_write_over_or_outside(tmp_path: Path, name: str) -> None:
    with pytest.raises(ServableError, match="expected a plain name"):
        servable.write_files(tmp_path, {name: b""})


def test_a_folder_that_differs_from_its_manifest_is_refused(toy_servable: Path) -> None:
    servable.verify(toy_servable)
    (toy_servable / "more").write_bytes(b"")
    with pytest.raises(ServableError, match="servable/more is not in the manifest"):
        servable.verify(toy_servable)
    (toy_servable / "more").unlink()
    (toy_servable / "booster.ubj").rename(toy_servable.parent / "away")
    with pytest.raises(ServableError, match=r"booster\.ubj is missing"):
        servable.verify(toy_servable)
    (toy_servable / "booster.ubj").write_bytes(b"other")
    with pytest.raises(ServableError, match="sha256 is"):
        servable.verify(toy_servable)
    (toy_servable / "manifest.json").write_text("{")
    with pytest.raises(ServableError, match=r"servable/manifest\.json"):
        servable.verify(toy_servable)
