"""`slipway compare` and its neighbours for a model that was added from a file, from the shell."""

from __future__ import annotations

import json
from pathlib import Path

import yaml

from tests.control.conftest import Slipway
from tests.serving import added


def test_two_versions_and_what_has_no_recipe(slipway: Slipway) -> None:
    models = Path(slipway.environ["SLIPWAY_MODEL_REPOSITORY"])
    added.write_version(models, 1)
    added.write_version(models, 2, weights=(1, 3))
    done = slipway.run("compare", "sum", "1", "2", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["lines"][0]["same"] < 1
    shown = slipway.run("compare", "sum", "1", "2")
    assert "mean difference" in shown.stdout and "not with known answers" in shown.stderr
    twice = slipway.run("compare", "sum", "1", "1")
    assert twice.returncode == 2 and "version 1 is given twice" in twice.stderr
    missing = slipway.run("compare", "sum", "1", "7")
    assert missing.returncode == 2 and "sum has no version 7" in missing.stderr
    for words in (("card", "sum"), ("train", "sum")):
        refused = slipway.run(*words)
        assert refused.returncode == 2 and "`slipway add`" in refused.stderr, refused.stderr
    chart = slipway.run("models", "--chart")
    assert yaml.safe_load(chart.stdout) == {"addedModels": {"sum": {"batching": {"max_rows": 8}}}}
