"""`slipway compare` from the shell: refusals, and one comparison. Comparing itself: tests/training/compare."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from apps.price.app import app
from tests.control.conftest import Slipway
from tests.trained import Trained
from training.find_recipe import find
from training.publish import repository


def test_what_is_refused(slipway: Slipway) -> None:
    for words in (("--data", "no.csv"), ()):
        done = slipway.run("compare", "price", "1", "2", *words)
        assert done.returncode == 2
        assert "price has no version 1 in the model repository (available: none)" in done.stderr
    done = slipway.run("compare", "price", "1", "2", "--data", "x.csv", "--label", "y")
    assert done.returncode == 2 and "'--label' is not an option of compare or of price" in done.stderr
    done = slipway.run("compare", "price", "1", "2", "--commodity", "onion")
    assert done.returncode == 2 and "'--commodity' is not an option of compare" in done.stderr
    done = slipway.run("compare", "nothing", "1", "2", "--data", "x.csv")
    assert done.returncode == 2 and "'nothing' is not an app that can be trained" in done.stderr
    assert slipway.run("compare", "price", "0", "2").returncode == 2
    assert not slipway.home.exists()


@pytest.mark.slow
def test_two_versions_on_a_file(slipway: Slipway, trained: Trained, tmp_path: Path) -> None:
    folder = trained.repository.folder("price", trained.version(app))
    models = Path(slipway.environ["SLIPWAY_MODEL_REPOSITORY"])
    for number in (1, 2):
        repository.publish(folder, models, "price", number)
    find("price").generate(5).to_csv(tmp_path / "made.csv", index=False)
    words = ("compare", "price", "1", "2", "--data", str(tmp_path / "made.csv"))
    done = slipway.run(*words, "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["first"], found["second"], found["data"]) == (1, 2, "made.csv")
    assert {line["metric"] for line in found["lines"]} == {"mae", "rmse", "coverage", "width"}
    assert {line["slice"] for line in found["lines"]} >= {"all", "horizon 1", "horizon 30"}
    assert all(line["difference"] == 0 and line["low"] in (0, None) for line in found["lines"])
    shown = slipway.run(*words)
    assert "no difference shown" in shown.stdout
    assert "may have been fitted on some of these rows" in shown.stderr
    assert "would exclude 0 by chance" in shown.stderr
