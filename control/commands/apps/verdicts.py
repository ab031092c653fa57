"""What a gate measured, as tables: of a version that passed, and of one that was refused."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from control.commands.common import METRIC_COLUMNS, metric_row
from control.console import note, print_json, print_table

if TYPE_CHECKING:
    from serving.kernel.storage.version_manifest import Check, Metric
    from training.errors import GateRefused

__all__ = ["show_checks", "show_metrics", "show_refusal"]


def show_metrics(metrics: Sequence[Metric]) -> None:
    """Print the metrics beside the naive baseline."""
    print_table(METRIC_COLUMNS, map(metric_row, metrics))


def show_checks(checks: Sequence[Check]) -> None:
    """Print the checks of the gate."""
    rows = [(c.name, "passed" if c.passed else "FAILED", c.measured, c.required) for c in checks]
    print_table(("gate check", "verdict", "measured", "required"), rows)


def show_refusal(refusal: GateRefused, as_json: bool) -> None:
    """Print the metrics and checks of a version that was refused."""
    if as_json:
        import msgspec

        found = {"metrics": list(refusal.metrics), "checks": list(refusal.checks)}
        print_json({"verdict": "refused", "run_id": refusal.run_id, **msgspec.to_builtins(found)})
    else:
        show_metrics(refusal.metrics)
        show_checks(refusal.checks)
        note(f"The gate refused this version; run {refusal.run_id} in MLflow has the reason.")
