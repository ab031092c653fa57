from __future__ import annotations

import json
from pathlib import Path

from serving.kernel.storage.version_manifest import MODEL_NAME, Check
from tests.training import toy
from training.data import split
from training.data.load import load
from training.data.validate import tidied, validate
from training.onnx import export
from training.publish import repository
from training.publish.assemble import assemble
from training.publish.servable import verify
from training.recipe import RecipeOptions
from training.registry.mlflow_registry import Registry
from training.training_run import TrainingRun

CHECK = Check(name="mae", passed=True, measured="1", required="2")


def test_the_folder_is_complete_and_can_be_published(registry: Registry, tmp_path: Path) -> None:
    recipe, dataset = toy.recipe, load(toy.recipe)
    parts = split.check(recipe.split(validate(recipe, tidied(recipe, dataset, RecipeOptions()), dataset)), "day")
    fitted = recipe.fitted(toy.local_booster(), {})
    run = TrainingRun(registry=registry, recipe=recipe, dataset=dataset, id="r7", folder=tmp_path, checks=[CHECK])
    run.servable.mkdir()
    export.save_graphs(recipe, fitted, parts, run.servable)
    manifest = assemble(run, fitted, recipe.evaluate(fitted, parts), parts, ())
    assert (manifest.model, manifest.version, manifest.run_id) == ("toy", 0, "r7")
    assert manifest.rows == {name: len(getattr(parts, name)) for name in split.PARTS}
    assert manifest.gate == (CHECK,) and manifest.metrics
    assert {MODEL_NAME, "golden.jsonl", "booster.ubj", "report/gate.json", "report/parity.json"} == set(
        manifest.files
    )
    assert [one["name"] for one in json.loads((run.servable / "report" / "gate.json").read_text())] == ["mae"]
    # MLflow's own files are beside the version's: they are registered and not published.
    assert (run.servable / "MLmodel").is_file() and "MLmodel" not in manifest.files
    folder = repository.publish(run.servable, tmp_path / "repo", "toy", 3)
    assert verify(folder).version == 3 and not (folder / "MLmodel").exists()
