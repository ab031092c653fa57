"""Manifests, cards and pictures made for tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from serving.kernel.storage.version_manifest import Check, Manifest, Metric, Parity
from serving.kernel.tensors import TensorSpec

CARD = """# Rain: model card

## Question
How much?

## Metrics beside the naive baseline
Words about them.

## Limits
None.
"""


def manifest(**more: Any) -> Manifest:
    """Version 3 of an app, on a file."""
    metrics = (
        Metric(
            name="mae",
            value=226.21,
            baseline=233.5,
            slice="day 1",
            unit="INR",
            rows=8057,
            gain_low=2.6,
            gain_high=11.6,
        ),
        Metric(name="mae", value=438.6, baseline=474.8, slice="day 7", unit="INR", rows=6912),
        Metric(name="coverage", value=0.9, slice="day 1", better="nominal", rows=8057),
    )
    line = {"rows": 2000, "p50": 0.0, "p99": 1e-7, "tolerance": 1e-5, "worst_row": 3}
    fields: dict[str, Any] = {
        "model": "rain",
        "version": 3,
        "created": "2026-01-02T03:04:05Z",
        "run_id": "r1",
        "git_commit": "0123456789abcdef0123+changes",
        "source": "ONION.csv",
        "dataset_sha256": "fedcba9876543210" * 4,
        "rows": {"train": 70_000, "validation": 9_000, "test": 8_057},
        "split": {
            "kind": "time",
            "column": "date",
            "test_from": "2019-01-01T00:00:00",
            "embargo": "",
            "rows": {"a": 1},
        },
        "inputs": (TensorSpec("features", "FP32", (-1, 2)),),
        "outputs": (TensorSpec("y", "FP32", (-1, 1)),),
        "feature_names": ("a", "b"),
        "metrics": metrics,
        "gate": (Check(name="beats it", passed=True, measured="2.6 to 11.6", required="above 0"),),
        "parity": (
            Parity(pair="native/onnxruntime", output="y", max_error=1e-6, flips=0, **line),
            Parity(pair="native/triton", output="y", max_error=2e-6, flips=1, **line),
        ),
        "libraries": {"numpy": "1.26.4"},
    }
    return Manifest(**{**fields, **more})


def plots(folder: Path, *names: str) -> Path:
    """Real PNG files as a run has them."""
    folder.mkdir(parents=True)
    for name in names:
        figure = Figure(figsize=(7.5, 5))
        figure.add_subplot().plot([1, 2, 3])
        figure.savefig(folder / f"{name}.png", dpi=110)
    return folder
