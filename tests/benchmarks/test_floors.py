from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.floors import CASES, FRAUD, data_folder, reaches
from benchmarks.place import BenchmarkError
from serving.kernel.storage.version_manifest import Metric
from training import find_recipe


def test_every_app_has_a_case() -> None:
    assert {case.app for case in CASES} == set(find_recipe.names())
    assert all(case.floors for case in CASES)


def test_what_is_selected_can_be(real_data: Path) -> None:
    for case in CASES:
        assert set(case.select) <= set(find_recipe.find(case.app).selectable)
        assert all((real_data / file).exists() for file in case.files)
    assert all((real_data / "fraud" / floor.file).exists() for floor in FRAUD.values())


@pytest.mark.parametrize(("better", "value", "reached"), [("higher", 0.9, True), ("lower", 0.9, False)])
def test_the_better_side_is_the_metrics_own(better: str, value: float, reached: bool) -> None:
    assert reaches(Metric(name="m", value=value, better=better), 0.8) is reached
    assert reaches(Metric(name="m", value=0.8, better=better), 0.8)


@pytest.mark.parametrize("named", ["", "/nowhere/at/all"])
def test_a_missing_folder_is_named(named: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLIPWAY_DATA", named)
    with pytest.raises(BenchmarkError, match="SLIPWAY_DATA"):
        data_folder()
