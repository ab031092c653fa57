from __future__ import annotations

import socket
import time
from pathlib import Path

import pytest

from serving.kernel.storage.version_manifest import Aliases, Metric
from tests.training import toy
from tests.training.conftest import make_servable
from training.data import read
from training.errors import RegistryError
from training.recipe import RecipeOptions
from training.registry.mlflow_model import write_mlflow_model
from training.registry.mlflow_registry import Registry

RECIPE = toy.Toy()
METRICS = (
    Metric(name="mae", value=1.5, baseline=2.0, gain_low=0.1, gain_high=0.9),
    Metric(name="mae", slice="h=7 (days)", value=2.5),
    Metric(name="r2", value=float("nan")),
)


def registered(registry: Registry, servable: Path, run_tags: dict[str, str] | None = None) -> tuple[str, int]:
    run_id = registry.start("toy", "toy run", run_tags or {})
    registry.log_folder(run_id, servable, "servable")
    version = registry.register("toy", run_id, {"slipway.synthetic": "true"})
    registry.finish(run_id, "registered")
    return run_id, version


def test_a_run_has_everything(registry: Registry) -> None:
    from mlflow import MlflowClient

    run_id = registry.start("toy", "toy run", {"slipway.app": "toy"})
    dataset = read.from_generator(RECIPE.generate(7), "toy")
    parts = RECIPE.split(RECIPE.tidy(dataset.frame, RecipeOptions()))
    registry.log_dataset(run_id, dataset, parts)
    registry.log(run_id, params={"eta": 0.1, "long": "x" * 9000}, metrics=METRICS)
    registry.finish(run_id, "registered")
    run = MlflowClient(registry.tracking_uri).get_run(run_id)
    assert run.info.status == "FINISHED"
    assert run.data.metrics == {
        "mae": 1.5,
        "baseline/mae": 2.0,
        "gain_low/mae": 0.1,
        "gain_high/mae": 0.9,
        "mae/h_7 _days_": 2.5,
    }
    assert run.data.params["eta"] == "0.1"
    assert run.data.params["rows.train"] == str(len(parts.train))
    assert run.data.tags["slipway.dataset_sha256"] == dataset.sha256
    assert run.data.tags["slipway.synthetic"] == "true"
    assert run.inputs.dataset_inputs[0].dataset.digest == dataset.sha256[:32]


def test_versions_count_up_and_carry_aliases(registry: Registry, toy_servable: Path) -> None:
    assert registry.versions("toy") == []
    assert registry.apps() == []
    run_id, first = registered(registry, toy_servable)
    _, second = registered(registry, toy_servable)
    assert (first, second) == (1, 2)
    registry.set_aliases("toy", Aliases(champion=1, challenger=2))
    assert registry.aliases("toy") == Aliases(champion=1, challenger=2)
    registry.set_aliases("toy", Aliases(champion=2))
    assert registry.aliases("toy") == Aliases(champion=2)
    one, two = registry.versions("toy")
    assert (one.version, one.run_id, one.aliases, one.synthetic) == (1, run_id, (), True)
    assert two.aliases == ("champion",)
    assert registry.apps() == ["toy"]


def test_apps_and_versions_are_described(registry: Registry, toy_servable: Path) -> None:
    from mlflow import MlflowClient

    client = MlflowClient(registry.tracking_uri)
    registered(registry, toy_servable)
    assert not client.get_registered_model("toy").description
    run_id = registry.start("toy", "toy run", {})
    registry.log_folder(run_id, toy_servable, "servable")
    version = registry.register("toy", run_id, {}, "Trained on d.csv.", "A curve.")
    assert client.get_registered_model("toy").description == "A curve."
    assert client.get_model_version("toy", str(version)).description == "Trained on d.csv."
    client.update_registered_model("toy", "Ours.")
    registry.register("toy", run_id, {}, "", "A curve.")
    assert client.get_registered_model("toy").description == "Ours."


def test_refusals_are_found_with_their_reason(registry: Registry) -> None:
    assert registry.refusals("toy") == []
    run_id = registry.start("toy", "toy run", {"slipway.dataset": "d.csv"})
    registry.finish(run_id, "refused", "too bad")
    failed = registry.start("toy", "toy run", {})
    registry.finish(failed, "failed", "no disk")
    (refusal,) = registry.refusals("toy")
    assert (refusal["run_id"], refusal["reason"], refusal["dataset"]) == (run_id, "too bad", "d.csv")
    assert registry.versions("toy") == []


@pytest.mark.slow
def test_a_real_server_keeps_the_servable_and_strangers_can_load_it(
    mlflow_server: str, tmp_path: Path, toy_model: Path
) -> None:
    registry = Registry(mlflow_server)
    registry.ping()
    servable = make_servable(tmp_path / "servable", toy_model)
    write_mlflow_model(servable, toy.app, "r", toy.features([toy.app.example], toy.Context()))
    registered(registry, servable)
    (version,) = registry.versions("toy")
    got = registry.download(version, tmp_path / "got")
    names = {path.relative_to(got).as_posix() for path in got.rglob("*") if path.is_file()}
    assert names >= {"model.onnx", "manifest.json", "report/gate.json", "MLmodel"}
    assert (got / "model.onnx").read_bytes() == toy_model.read_bytes()
    from mlflow.models import Model

    signature = Model.load(str(got / "MLmodel")).signature
    assert [column.name for column in signature.inputs.inputs] == ["features"]


def test_a_registry_that_is_away_is_named_without_its_password(unused_port: int) -> None:
    registry = Registry(f"http://ada:hunter2@127.0.0.1:{unused_port}")
    start = time.monotonic()
    with pytest.raises(RegistryError) as error:
        registry.ping()
    assert time.monotonic() - start < 120
    assert "hunter2" not in str(error.value)
    assert "127.0.0.1" in str(error.value)
    assert "slipway up" in str(error.value)
    assert error.value.exit_code == 4


def test_a_registry_that_does_not_answer_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        with pytest.raises(RegistryError, match="could not reach the registry"):
            Registry(f"http://127.0.0.1:{silent.getsockname()[1]}").ping()


def test_database_passwords_are_not_shown() -> None:
    assert Registry("postgresql://ada:hunter2@h:5/d").shown == "postgresql://ada:***@h:5/d"


def test_models_of_others_are_fetched_by_alias_version_and_run(registry: Registry, tmp_path: Path) -> None:
    from tests.training.added.sources.stored import registered as somebodys

    run_id = somebodys(registry, tmp_path / "made")
    for asked, told in (
        ("models:/churn@champion", "models:/churn/1"),
        ("models:/churn/1", "models:/churn/1"),
        (f"runs:/{run_id}/model", f"runs:/{run_id}/model"),
    ):
        path, shown = registry.fetch_model(asked, tmp_path / asked.replace("/", "_"))
        assert shown == told and (path / "model.ubj").is_file() and (path / "MLmodel").is_file()
    assert registry.is_foreign("churn") and not registry.is_foreign("nobody")
    with pytest.raises(RegistryError, match=r"could not fetch models:/churn@gone.*[^.]\. Check the name, version"):
        registry.fetch_model("models:/churn@gone", tmp_path / "gone")
