"""What runs in the workers: `test_trainer` and `test_torch_fit`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest


def test_the_board_has_the_latest_report_of_rank_0(ray: None, tmp_path: Path) -> None:
    from training.fit.ray_train import ReportFile

    file = ReportFile(tmp_path / "report.json")
    for done in (5, 10):
        file.after_report(None, [{"round": done, "pid": 1}, {"round": done, "pid": 2}], None)
    assert json.loads((tmp_path / "report.json").read_text()) == {"round": 10, "pid": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["report.json"]


@pytest.mark.parametrize("kind", ["xgboost", "torch"])
def test_a_fit_has_what_it_needs_of_ray_s_own_trainer(ray: None, kind: str) -> None:
    from ray.train import BackendConfig, ScalingConfig
    from ray.train.v2.api.data_parallel_trainer import DataParallelTrainer

    from training.fit.ray_train import SPARE, trainer_and_function

    trainer, function = trainer_and_function(kind)
    alone, pair = (trainer(function, scaling_config=ScalingConfig(num_workers=workers)) for workers in (1, 2))
    assert type(alone.backend_config) is BackendConfig
    assert pair.backend_config.framework.value == kind
    names, all_of_them = (
        {type(callback).__name__ for callback in make(pair)}
        for make in (trainer._create_default_callbacks, DataParallelTrainer._create_default_callbacks)
    )
    assert "BackendSetupCallback" in names
    assert all_of_them - names == set(SPARE), "as Ray calls them"


def test_a_private_ray_is_asked_for_workers_and_no_autoscaler_is(ray: None) -> None:
    from ray.train import ScalingConfig

    from training.fit.ray_train import WithoutAutoscaler

    policy = WithoutAutoscaler(ScalingConfig(num_workers=2))
    policy.after_controller_start(None)
    assert policy.make_decision_for_non_running_worker_group().num_workers == 2
    assert policy._coordinator_client is None


def test_the_controller_imports_no_library(root: Path) -> None:
    line = "import sys, training.fit.ray_train; sys.exit(bool({'xgboost', 'torch'} & set(sys.modules)))"
    subprocess.run([sys.executable, "-c", line], cwd=root, check=True)
