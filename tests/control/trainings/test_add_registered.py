"""A model that somebody registered in MLflow is served under a name of its own."""

from __future__ import annotations

from pathlib import Path

import pytest
from mlflow import MlflowClient

from control.settings import StackSettings
from control.trainings.add import add_on_stack
from serving.kernel.storage.model_repository import Repository
from tests.training.added.sources.stored import registered
from training.added.errors import AddError
from training.registry.mlflow_registry import Registry


def test_a_registered_model_keeps_its_name_and_its_aliases(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = Registry(f"sqlite:///{tmp_path}/mlflow.db")
    run_id = registered(registry, tmp_path / "made")
    (tmp_path / "pickled").mkdir()
    (tmp_path / "pickled" / "MLmodel").write_text("flavors: {sklearn: {pickled_model: m.pkl}}")
    (tmp_path / "pickled" / "m.pkl").touch()
    registry.log_folder(run_id, tmp_path / "pickled", "pickled")
    client = MlflowClient(registry.tracking_uri)
    client.create_model_version("churn", f"{client.get_run(run_id).info.artifact_uri}/pickled", run_id)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", registry.tracking_uri)
    settings = StackSettings(home=tmp_path / "home", model_repository=tmp_path / "models")
    made = add_on_stack(settings, "models:/churn@champion", "churn", named=False, triton=False)
    manifest = Repository(tmp_path / "models").verify("churn_served", 1)
    assert (made.manifest.model, manifest.source) == ("churn_served", "models:/churn/1")
    assert manifest.feature_names == ("age", "income")
    assert manifest.parity[0].pair == "native/onnxruntime"
    assert not registry.is_foreign("churn_served")
    assert registry.aliases("churn").champion == 1 and len(registry.versions("churn")) == 2
    with pytest.raises(AddError, match="^churn-2 runs Python code of its author"):
        add_on_stack(settings, "models:/churn/2", "late", triton=False)
    with pytest.raises(AddError, match="churn is a model that others registered.*--name"):
        add_on_stack(settings, "models:/churn/1", "churn", triton=False)
    assert len(registry.versions("churn")) == 2
