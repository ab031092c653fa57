"""What the registry keeps of a judged model, whether it passed its gate or not."""

from __future__ import annotations

import tempfile
from pathlib import Path

import msgspec

from serving.kernel.storage.version_manifest import Manifest
from training.added.truth.measure import Judged
from training.errors import GateRefused
from training.measures import evaluation_rows, gate
from training.registry.mlflow_registry import Registry

__all__ = ["record", "tags_of"]


def record(registry: Registry, run_id: str, manifest: Manifest, judged: Judged) -> None:
    """Log metrics, split and evaluation rows with the run.

    Raises `GateRefused`, after closing the run with the reason, for a model that did not pass.
    """
    split = manifest.split
    registry.log(
        run_id,
        params={"label": split["label"], **{f"rows.{name}": count for name, count in manifest.rows.items()}},
        metrics=judged.evaluation.metrics,
        tags=tags_of(manifest),
    )
    with tempfile.TemporaryDirectory(prefix="slipway-judged-") as folder:
        evaluation_rows.save(Path(folder) / evaluation_rows.FOLDER, judged.evaluation)
        gate.write_report(Path(folder), "gate", judged.checks)
        registry.log_folder(run_id, Path(folder), "")
    try:
        gate.refuse(judged.checks)
    except GateRefused as refusal:
        registry.finish(run_id, "refused", str(refusal))
        refusal.run_id, refusal.metrics = run_id, judged.evaluation.metrics
        raise


def tags_of(manifest: Manifest) -> dict[str, str]:
    """The tags of a judged version: its rows, how they were split, and the verdict."""
    if not manifest.gate:
        return {"slipway.gate": "not judged"}
    passed = all(check.passed for check in manifest.gate)
    return {
        "slipway.gate": f"passed {len(manifest.gate)} checks" if passed else "refused",
        "slipway.dataset": manifest.split["data"],
        "slipway.dataset_sha256": manifest.split["data_sha256"],
        "slipway.split": msgspec.json.encode(manifest.split).decode(),
    }
