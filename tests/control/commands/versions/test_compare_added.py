"""`slipway compare` and `slipway card` for a model that was added from a file, from the shell."""

from __future__ import annotations

from pathlib import Path

from tests.control.conftest import Slipway
from tests.serving import added


def test_two_versions_are_compared_and_the_card_is_that_of_slipway_add(slipway: Slipway) -> None:
    models = Path(slipway.environ["SLIPWAY_MODEL_REPOSITORY"])
    added.write_version(models, 1)
    added.write_version(models, 2, weights=(1, 3))
    shown = slipway.run("compare", "sum", "1", "2")
    assert shown.returncode == 0, shown.stderr
    assert "mean difference" in shown.stdout and "25.0%" in shown.stdout
    assert "versions 1 and 2 on 4 rows" in shown.stderr and "not with known answers" in shown.stderr
    refused = slipway.run("card", "sum")
    assert refused.returncode == 2 and "`slipway add` writes the card of sum" in refused.stderr
