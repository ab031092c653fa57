"""`slipway models --refused`: what was measured beside what was required."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from control.commands.versions.refusals import print_refused
from serving.kernel.storage.version_manifest import Check
from tests.control.conftest import Slipway
from training.measures import gate
from training.registry.mlflow_registry import Registry
from training.registry.refused_runs import RefusedRun

CHECK = Check(name="beats it", passed=False, measured="gain -0.1 to 0.4", required="above 0", reason="chance")


def test_each_failed_check_is_a_row(capsys: pytest.CaptureFixture[str]) -> None:
    fields = {"app": "toy", "created": "2026-01-01T00:00:00Z", "dataset": "d.csv"}
    passed = Check(name="metrics", passed=True, measured="3", required="3")
    print_refused(
        [
            RefusedRun(run_id="r1", reason="beats it: chance", checks=(passed, CHECK), **fields),
            RefusedRun(run_id="r0", reason="too bad", checks=(), **fields),
        ]
    )
    head, first, second = (" ".join(line.split()) for line in capsys.readouterr().out.splitlines())
    assert head == "app run data failed check measured required created"
    assert first == "toy r1 d.csv beats it gain -0.1 to 0.4 above 0 2026-01-01T00:00:00Z"
    assert second == "toy r0 d.csv too bad 2026-01-01T00:00:00Z"
    print_refused([])
    assert "no run was refused" in capsys.readouterr().err


def test_the_command_reads_the_registry_that_is_given(slipway: Slipway, tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    registry = Registry(uri)
    gate.write_report(tmp_path, "gate", [CHECK])
    run_id = registry.start("price", "a run", {"slipway.dataset": "d.csv"})
    registry.log_folder(run_id, tmp_path / "report", "report")
    registry.finish(run_id, "refused", "beats it: chance")
    done = slipway.run("models", "price", "--refused", "--json", MLFLOW_TRACKING_URI=uri)
    assert done.returncode == 0, done.stderr
    (run,) = json.loads(done.stdout)["refused"]
    assert (run["run_id"], run["checks"][0]["measured"]) == (run_id, "gain -0.1 to 0.4")
