from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.evaluations import all_apps, fraud_sets, metric_rows, price_files
from serving.kernel.storage.version_manifest import Metric
from training.errors import DataError
from training.floors.catalog import Compared


def compared(metric: Metric | None) -> Compared:
    return Compared(app="toy", name="mae", part="all", metric=metric, floor=3.0, plain="a ruler")


def test_a_metric_stands_beside_its_baseline_and_its_floor() -> None:
    measured, missing = metric_rows([compared(Metric(name="mae", value=2.5, baseline=4.0)), compared(None)])
    assert measured == ("toy", "mae", "all", "2.5", "4", "", "", "3", "reached", "a ruler")
    assert missing == ("toy", "mae", "all", "", "", "", "", "3", "not measured", "a ruler")


@pytest.mark.parametrize("table", [all_apps, fraud_sets, price_files])
def test_real_data_must_be_there(table: Callable[[], None], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SLIPWAY_DATA", raising=False)
    with pytest.raises(DataError, match="SLIPWAY_DATA is not set"):
        table()


def test_the_command_says_that_real_data_is_missing(root: Path) -> None:
    command = [sys.executable, "-m", "benchmarks", "catalog"]
    done = subprocess.run(command, env={"PYTHONPATH": str(root)}, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1 and "SLIPWAY_DATA is not set" in done.stderr
