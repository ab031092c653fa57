"""`slipway add` from the shell, with known answers and without. Adding itself: tests/training/added."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.control.conftest import Slipway
from tests.training.added.truth.made import good, noise, rows


@pytest.mark.slow
def test_versions_are_judged_refused_or_neither_and_every_command_says_which(
    slipway: Slipway, tmp_path: Path, empty_database: Path
) -> None:
    shutil.copy(empty_database, tmp_path / "mlflow.db")
    slipway.environ["MLFLOW_TRACKING_URI"] = f"sqlite:///{tmp_path}/mlflow.db"
    rows().to_csv(tmp_path / "rows.csv", index=False)
    sample = ("--sample", str(tmp_path / "rows.csv"), "--columns", "a,b,c", "--name", "churn", "--no-triton")

    plain = slipway.run("add", str(good(tmp_path)), *sample)
    assert plain.returncode == 0, plain.stderr
    assert "it was not judged against known answers" in plain.stderr

    done = slipway.run("add", str(good(tmp_path)), *sample, "--label", "churned", "--time", "day")
    assert done.returncode == 0, done.stderr
    lines = [" ".join(line.split()) for line in done.stdout.splitlines()]
    assert any(line.startswith("auroc all 0.") for line in lines)
    assert any(line.startswith("beats chance passed auroc") for line in lines)
    assert "It is not known whether the model was trained on these rows" in done.stderr

    refused = slipway.run("add", str(noise(tmp_path)), *sample, "--label", "churned", "--json")
    assert refused.returncode == 3
    found = json.loads(refused.stdout)
    assert found["verdict"] == "refused" and found["metrics"][0]["name"] == "auroc"
    assert "beats chance" in refused.stderr

    listed = slipway.run("models", "churn").stdout.splitlines()
    assert "not judged" in listed[1] and "passed 3 checks" in listed[2] and "refused: beats chance" in listed[3]
    promoted = slipway.run("promote", "churn", "1")
    assert "churn version 1 was not judged against known answers." in promoted.stderr
    again = slipway.run("compare", "churn", "1", "2", "--data", str(tmp_path / "rows.csv"), "--json")
    assert again.returncode == 0, again.stderr
    assert {line["difference"] for line in json.loads(again.stdout)["lines"]} == {0}
