"""The runs that the gate refused, with the checks that they were refused for."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import msgspec

from serving.kernel.storage.version_manifest import Check
from training.registry.mlflow_registry import Registry

__all__ = ["RefusedRun", "refused_runs"]


@dataclass(frozen=True, kw_only=True)
class RefusedRun:
    """One run, and its gate report as far as the run came."""

    app: str
    run_id: str
    created: str
    dataset: str
    reason: str
    checks: tuple[Check, ...]

    @property
    def failed(self) -> tuple[Check, ...]:
        """The checks that did not pass: what they measured shows how near the run was."""
        return tuple(check for check in self.checks if not check.passed)


def refused_runs(registry: Registry, app: str, limit: int = 20) -> list[RefusedRun]:
    """The app's refused runs, newest first. Raises `RegistryError`."""
    return [
        RefusedRun(
            app=app,
            run_id=run["run_id"],
            created=run["created"],
            dataset=run["dataset"],
            reason=run["reason"],
            checks=_checks(registry, run["run_id"]),
        )
        for run in registry.refusals(app, limit)
    ]


def _checks(registry: Registry, run_id: str) -> tuple[Check, ...]:
    with tempfile.TemporaryDirectory(prefix="slipway-refused-") as folder:
        found = registry.fetch(run_id, "report", Path(folder))
        if found is None or not (found / "gate.json").is_file():
            return ()
        return msgspec.json.decode((found / "gate.json").read_bytes(), type=tuple[Check, ...])
