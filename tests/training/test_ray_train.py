"""What runs in the workers: `test_trainer` and `test_torch_fit`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path


def test_the_board_has_the_latest_report_of_rank_0(ray: None, tmp_path: Path) -> None:
    from training.ray_train import Board

    board = Board(tmp_path / "report.json")
    for done in (5, 10):
        board.after_report(None, [{"round": done, "pid": 1}, {"round": done, "pid": 2}], None)
    assert json.loads((tmp_path / "report.json").read_text()) == {"round": 10, "pid": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["report.json"]


def test_one_worker_needs_no_backend(ray: None) -> None:
    from ray.train import BackendConfig

    from training.boosting import fit_share
    from training.ray_train import function_and_backend
    from training.torch_fit import fit_module

    for kind, function in (("xgboost", fit_share), ("torch", fit_module)):
        found, alone = function_and_backend(kind, 1)
        assert found is function and type(alone) is BackendConfig
        assert function_and_backend(kind, 2)[1].framework.value == kind


def test_a_fit_has_the_callbacks_that_it_needs(ray: None) -> None:
    from training.ray_train import SPARE, FitTrainer

    made = FitTrainer(print)
    names, all_of_them = (
        {type(callback).__name__ for callback in callbacks}
        for callbacks in (made._create_default_callbacks(), super(FitTrainer, made)._create_default_callbacks())
    )
    assert "BackendSetupCallback" in names
    assert all_of_them - names == set(SPARE), "as Ray calls them"


def test_the_controller_imports_no_library(root: Path) -> None:
    line = "import sys, training.ray_train; sys.exit(bool({'xgboost', 'torch'} & set(sys.modules)))"
    subprocess.run([sys.executable, "-c", line], cwd=root, check=True)
