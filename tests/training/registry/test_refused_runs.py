from __future__ import annotations

from pathlib import Path

from serving.kernel.storage.version_manifest import Check
from training.measures import gate
from training.registry.mlflow_registry import Registry
from training.registry.refused_runs import refused_runs


def test_refused_runs_come_with_what_was_measured(registry: Registry, tmp_path: Path) -> None:
    checks = [
        Check(name="metrics", passed=True, measured="3 of 3", required="all"),
        Check(name="beats it", passed=False, measured="gain -0.1 to 0.4", required="above 0", reason="chance"),
    ]
    gate.write_report(tmp_path, "gate", checks)
    run_id = registry.start("toy", "toy run", {"slipway.dataset": "d.csv"})
    registry.log_folder(run_id, tmp_path / "report", "report")
    registry.finish(run_id, "refused", "beats it: chance")
    bare = registry.start("toy", "toy run", {})
    registry.finish(bare, "refused", "old")
    found = {run.run_id: run for run in refused_runs(registry, "toy")}
    assert (found[run_id].dataset, found[run_id].reason) == ("d.csv", "beats it: chance")
    assert found[run_id].failed == (checks[1],)
    assert found[bare].checks == ()
    assert refused_runs(registry, "other") == []
