from __future__ import annotations

import pytest

from serving.kernel.storage.version_manifest import Metric
from training.errors import DataError
from training.floors.real_data import data_folder, reaches, verdict


@pytest.mark.parametrize(("better", "value", "reached"), [("higher", 0.9, True), ("lower", 0.9, False)])
def test_the_better_side_is_the_metrics_own(better: str, value: float, reached: bool) -> None:
    assert reaches(Metric(name="m", value=value, better=better), 0.8) is reached
    assert reaches(Metric(name="m", value=0.8, better=better), 0.8)


def test_tables_show_a_missed_floor_in_capitals() -> None:
    assert [verdict(True), verdict(False)] == ["reached", "MISSED"]


@pytest.mark.parametrize("named", ["", "/nowhere/at/all"])
def test_a_missing_folder_is_named(named: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLIPWAY_DATA", named)
    with pytest.raises(DataError, match="SLIPWAY_DATA"):
        data_folder()
