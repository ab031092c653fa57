"""The whole story with the toy app: a real fit on Ray where the fit matters, else a booster made before."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any, ClassVar

import onnx
import pandas as pd
import pandera.pandas as pa
import pytest
from rich.console import Console

from serving.kernel.storage.version_manifest import Aliases, Check
from tests.training import toy
from tests.training.tune.tunable import Stepless, Tunable
from training.errors import DataError, GateRefused, RegistryError, TuneError
from training.fit.trainer import Trainer
from training.progress import RichProgress, Silent
from training.publish import repository
from training.publish.rebuild_from_mlflow import rebuild
from training.publish.servable import verify
from training.recipe import Evaluation, Fitted, RecipeOptions, Split
from training.registry.mlflow_registry import Registry
from training.run import TrainRequest, TrainResult, train

STEPS = ["load", "validate", "split", "fit", "evaluate", "gate", "export", "parity", "register", "publish"]


class Quick(toy.Toy):
    """Takes a booster fitted in this process."""

    def fit(self, split: Split, trainer: Trainer) -> Fitted:
        return self.fitted(toy.local_booster(), {"rounds": 30})


def go(registry: Registry, folder: Path, recipe: toy.Toy, **more: Any) -> TrainResult:
    request = TrainRequest(
        app="toy", repository=folder / "repo", home=folder / "home", **{"triton": False, **more}
    )
    return train(request, registry, recipe=recipe)


def artifacts(registry: Registry, run_id: str, folder: str = "") -> set[str]:
    from mlflow import MlflowClient

    return {item.path for item in MlflowClient(registry.tracking_uri).list_artifacts(run_id, folder or None)}


def tags(registry: Registry, run_id: str) -> dict[str, str]:
    from mlflow import MlflowClient

    return dict(MlflowClient(registry.tracking_uri).get_run(run_id).data.tags)


def described(registry: Registry, version: int) -> str:
    from mlflow import MlflowClient

    return str(MlflowClient(registry.tracking_uri).get_model_version("toy", str(version)).description)


@pytest.mark.slow
def test_from_generated_data_to_a_published_version(ray: None, registry: Registry, tmp_path: Path) -> None:
    progress = Silent()
    request = TrainRequest(app="toy", repository=tmp_path / "repo", home=tmp_path / "home", workers=2)
    result = train(request, registry, progress, toy.recipe)
    assert list(progress.times) == STEPS
    assert (result.version, result.aliases, result.synthetic) == (1, Aliases(champion=1), True)
    assert {line.pair for line in result.parity} >= {"native/onnxruntime", "native/triton"}
    assert all(check.passed for check in result.checks)
    folder = tmp_path / "repo" / "toy" / "1"
    manifest = verify(folder)
    assert (manifest.version, manifest.run_id, manifest.synthetic) == (1, result.run_id, True)
    assert manifest.split["kind"] == "time"
    assert manifest.metrics[0].baseline
    assert (tmp_path / "repo" / "toy" / "config.pbtxt").exists()
    assert artifacts(registry, result.run_id) >= {"evaluation", "plots", "servable"}
    assert "plots/error_by_slice.png" in artifacts(registry, result.run_id, "plots")
    assert {"servable/MLmodel", "servable/input_example.json"} <= artifacts(registry, result.run_id, "servable")
    assert tags(registry, result.run_id)["slipway.verdict"] == "registered"
    assert not list((tmp_path / "home" / "fits").iterdir())
    assert {change.action for change in rebuild(registry, tmp_path / "repo")} == {"kept"}


def test_a_file_and_real_data_take_over(registry: Registry, tmp_path: Path) -> None:
    first = go(registry, tmp_path, Quick())
    assert first.synthetic
    toy.Toy().generate(3).to_csv(tmp_path / "real.csv", index=False)
    second = go(registry, tmp_path, Quick(), paths=(tmp_path / "real.csv",))
    assert not second.synthetic
    assert second.aliases == Aliases(champion=2)
    assert f"Trained on real.csv, {toy.ROWS} rows; passed " in described(registry, 2)
    assert " mae (all): " in described(registry, 2)
    assert verify(tmp_path / "repo" / "toy" / "2").source == "real.csv"
    third = go(
        registry, tmp_path, Quick(), paths=(tmp_path / "real.csv",), options=RecipeOptions(select={"kind": "x"})
    )
    assert third.aliases == Aliases(champion=2, challenger=3)


def test_a_refused_version_is_a_run_with_its_reason_and_no_more(registry: Registry, tmp_path: Path) -> None:
    class Noise(Quick):
        noise = 30.0

    with pytest.raises(GateRefused) as refusal:
        go(registry, tmp_path, Noise())
    assert "the naive baseline is too close" in str(refusal.value)
    assert {metric.name for metric in refusal.value.metrics} == {"mae", "rmse"}
    found = tags(registry, refusal.value.run_id)
    assert found["slipway.verdict"] == "refused"
    assert "the naive baseline is too close" in found["slipway.reason"]
    assert artifacts(registry, refusal.value.run_id) == {"evaluation", "plots", "report"}
    assert registry.versions("toy") == []
    assert repository.versions(tmp_path / "repo", "toy") == []
    assert registry.refusals("toy")[0]["run_id"] == refusal.value.run_id


def test_a_planted_mismatch_is_refused(registry: Registry, tmp_path: Path) -> None:
    class Wrong(Quick):
        def export(self, fitted: Fitted) -> onnx.ModelProto:
            model = super().export(fitted)
            weights = next(item for item in model.graph.node[0].attribute if item.name == "target_weights")
            weights.floats[5] += 0.01
            return model

    with pytest.raises(GateRefused, match="parity native/onnxruntime y") as refusal:
        go(registry, tmp_path, Wrong())
    assert tags(registry, refusal.value.run_id)["slipway.verdict"] == "refused"
    assert registry.versions("toy") == []


def test_bad_rows_and_leaks_are_refused_before_there_is_a_run(registry: Registry, tmp_path: Path) -> None:
    raw = toy.Toy().generate(3)
    raw.loc[4, "a"] = 77.0
    raw.to_csv(tmp_path / "bad.csv", index=False)
    with pytest.raises(DataError, match=r"bad\.csv, row 6, column 'a': found 77\.0"):
        go(registry, tmp_path, Quick(), paths=(tmp_path / "bad.csv",))

    class Overlapping(Quick):
        def split(self, frame: pd.DataFrame) -> Split:
            parts = super().split(frame)
            return Split(train=frame, validation=parts.validation, test=parts.test, description={})

    with pytest.raises(DataError, match="overlap in 'day'"):
        go(registry, tmp_path, Overlapping())
    assert registry.refusals("toy") == [] and registry.apps() == []
    assert not (tmp_path / "repo").exists()


def test_a_small_set_is_trained_on_and_its_warnings_are_in_the_manifest(
    registry: Registry, tmp_path: Path
) -> None:
    """569 rows have 257 in the test part, fewer than parity needs."""
    raw = toy.Toy().generate(3).iloc[:569].assign(extra="x")
    raw.loc[raw.index[:284], "b"] = raw["b"].abs() + 1
    raw.loc[raw.index[284:], "b"] = 1000 * (raw["b"].abs() + 1)
    raw.to_csv(tmp_path / "small.csv", index=False)

    class Narrow(Quick):
        carriers: ClassVar = {"a": "half of b is in another unit"}

        def tidy(self, raw: pd.DataFrame, options: RecipeOptions) -> pd.DataFrame:
            return super().tidy(raw[["day", "a", "b", "y"]], options)

        def checks(self, evaluation: Evaluation) -> list[Check]:
            return []

    result = go(registry, tmp_path, Narrow(), paths=(tmp_path / "small.csv",))
    assert {line.rows for line in result.parity} >= {1003}
    manifest = verify(tmp_path / "repo" / "toy" / "1")
    assert manifest.notes == result.notes
    assert tags(registry, result.run_id)["slipway.notes"].splitlines() == list(result.notes)
    assert manifest.notes[0] == "not used of small.csv: extra"
    assert "1,000 times larger" in manifest.notes[1] and "small.csv, row" in manifest.notes[1]


def test_a_column_that_looks_like_a_leak_is_kept_on_request_and_recorded(
    registry: Registry, tmp_path: Path
) -> None:
    from mlflow import MlflowClient

    class Wide(Quick):
        schema = toy.Toy.schema.add_columns({"c": pa.Column(float)})

        def generate(self, seed: int) -> pd.DataFrame:
            raw = super().generate(seed)
            return raw.assign(c=2 * raw["y"] + 1)

    with pytest.raises(DataError, match="column 'c' alone gives 'y' away.*--allow-column c"):
        go(registry, tmp_path, Wide())
    result = go(registry, tmp_path, Wide(), options=RecipeOptions(allowed=("c",)))
    assert verify(tmp_path / "repo" / "toy" / "1").allowed_columns == ("c",)
    assert "c (allowed)" in [check.measured for check in result.checks]
    run = MlflowClient(registry.tracking_uri).get_run(result.run_id)
    assert run.data.params["allowed_columns"] == "c"


def test_a_column_that_carries_everything_is_refused_after_the_fit(registry: Registry, tmp_path: Path) -> None:
    class Easy(Quick):
        implausible = 0.5

    with pytest.raises(GateRefused, match="column 'a' is behind an implausibly good score.*--allow-column a"):
        go(registry, tmp_path, Easy())
    assert registry.versions("toy") == []
    result = go(registry, tmp_path, Easy(), options=RecipeOptions(allowed=("a",)))
    manifest = verify(tmp_path / "repo" / "toy" / "1")
    assert manifest.allowed_columns == ("a",)
    (check,) = (check for check in manifest.gate if check.name == "columns that carry everything")
    assert "is lost without a (allowed)" in check.measured and check in result.checks


def test_files_and_a_query_together_are_refused(registry: Registry, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="one of them"):
        go(registry, tmp_path, Quick(), paths=(tmp_path / "a.csv",), query="select 1", dsn="sqlite://")


def test_a_registry_that_is_away_is_noticed_before_the_work(tmp_path: Path, unused_port: int) -> None:
    class Never(Quick):
        def generate(self, seed: int) -> pd.DataFrame:
            raise AssertionError("work was done")

    with pytest.raises(RegistryError, match="slipway up"):
        go(Registry(f"http://127.0.0.1:{unused_port}"), tmp_path, Never())


def test_the_request_does_not_show_its_dsn() -> None:
    assert "hunter2" not in repr(TrainRequest(app="toy", dsn="postgresql://u:hunter2@h/d"))


@pytest.mark.slow
def test_the_parameters_of_a_search_are_fitted_and_gated(ray: None, registry: Registry, tmp_path: Path) -> None:
    """The first version is refused, which keeps the search; the next command goes on with it."""
    from mlflow import MlflowClient

    class Strict(Stepless):
        def checks(self, evaluation: Evaluation) -> list[Check]:
            return [Check(name="never", passed=False, measured="", required="", reason="never")]

    with pytest.raises(GateRefused, match="never"):
        go(registry, tmp_path, Strict(), tune=2)
    assert list((tmp_path / "home" / "tune" / "toy").glob("*/journal.jsonl"))
    progress = RichProgress(Console(file=io.StringIO()))
    request = TrainRequest(app="toy", repository=tmp_path / "repo", home=tmp_path / "home", triton=False, tune=4)
    result = train(request, registry, progress, Tunable())
    assert list(progress.times) == [*STEPS[:3], "tune", *STEPS[3:]]
    assert result.tuned and len(result.tuned.trials) == 4
    run = MlflowClient(registry.tracking_uri).get_run(result.run_id)
    for name, value in result.tuned.params.items():
        assert run.data.params[name] == run.data.params[f"tuned.{name}"] == str(value)
    assert run.data.tags["slipway.tuned"].startswith(f"trial {result.tuned.best} of 4: mae ")
    assert run.data.tags["slipway.verdict"] == "registered"
    assert not Path(result.tuned.folder).exists()


def test_what_has_nothing_to_tune_is_noticed_before_the_work(registry: Registry, tmp_path: Path) -> None:
    with pytest.raises(TuneError, match="toy has nothing to tune"):
        go(registry, tmp_path, Quick(), tune=3)
    assert not (tmp_path / "home").exists()
