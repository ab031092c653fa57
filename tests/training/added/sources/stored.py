"""A booster as MLflow 3.17 stores it, without the seconds that MLflow takes to look for requirements."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import xgboost as xgb
from mlflow import MlflowClient

from training.registry.mlflow_registry import Registry

__all__ = ["registered", "stored"]

MLMODEL = """\
flavors:
  python_function: {data: model.ubj, loader_module: mlflow.xgboost, python_version: 3.11.7}
  xgboost: {code: null, data: model.ubj, model_class: xgboost.sklearn.XGBClassifier, model_format: ubj}
mlflow_version: 3.17.2
model_id: null
signature:
  inputs: '[{"type": "double", "name": "age", "required": true},
    {"type": "double", "name": "income", "required": true}]'
  outputs: '[{"type": "tensor", "tensor-spec": {"dtype": "int64", "shape": [-1]}}]'
  params: null
"""


def stored(folder: Path) -> Path:
    """A classifier of two columns, which have their names from the signature only."""
    rows = np.random.default_rng(0).standard_normal((50, 2))
    folder.mkdir()
    xgb.XGBClassifier(n_estimators=2, n_jobs=1).fit(rows, rows[:, 0] > 0).save_model(folder / "model.ubj")
    (folder / "MLmodel").write_text(MLMODEL)
    return folder


def registered(registry: Registry, folder: Path) -> str:
    """Register it as version 1 of `churn`, the champion, as somebody else does; returns its run."""
    run_id = registry.start("elsewhere", "somebody's run", {})
    registry.log_folder(run_id, stored(folder), "model")
    client = MlflowClient(registry.tracking_uri)
    client.create_registered_model("churn")
    client.create_model_version("churn", f"{client.get_run(run_id).info.artifact_uri}/model", run_id)
    client.set_registered_model_alias("churn", "champion", "1")
    return run_id
