"""Both real price files through the whole pipeline: the gate passes, the floors of plain XGBoost are reached."""

from __future__ import annotations

from pathlib import Path

import pytest

from training.recipe import RecipeOptions
from training.registry.mlflow_registry import Registry
from training.run import TrainRequest, TrainResult, train

pytestmark = pytest.mark.slow

FLOORS = {
    # commodity: slice: (MAE, R2) of plain XGBoost on log(price / last price)
    "onion": {"horizon 1, busy markets": (234, 0.866), "horizon 7": (450, 0.658)},
    "tomato": {"horizon 1, busy markets": (155, 0.87), "horizon 7, busy markets": (310, 0.626)},
}


@pytest.mark.parametrize("commodity", FLOORS)
def test_a_real_file_reaches_the_floors_and_passes_the_gate(
    commodity: str, real_data: Path, tmp_path: Path, registry: Registry
) -> None:
    result = _train(commodity, real_data, tmp_path, registry)
    assert not result.synthetic
    assert all(check.passed for check in result.checks)
    found = {(metric.name, metric.slice): metric for metric in result.metrics}
    for part, (mae, r2) in FLOORS[commodity].items():
        assert found["mae", part].value <= mae
        assert found["r2", part].value >= r2
        assert found["mae", part].value < (found["mae", part].baseline or 0)
    for horizon in (1, 7):
        assert found["coverage", f"horizon {horizon}"].value == pytest.approx(0.9, abs=0.03)


def _train(commodity: str, folder: Path, here: Path, registry: Registry) -> TrainResult:
    request = TrainRequest(
        app="price",
        paths=(folder / "price" / f"{commodity.upper()}_KARNATAKA.csv",),
        options=RecipeOptions(select={"commodity": commodity}),
        workers=1,
        repository=here / "repository",
        home=here,
    )
    return train(request, registry)
