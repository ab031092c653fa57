"""An app outside the repository: trained by its package and by its name, compared, scored, packaged, served."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests import outside
from tests.control.conftest import Slipway, place, slipway

__all__ = ["place", "slipway"]

pytestmark = pytest.mark.slow

PACKAGE = "acme.rainfall"


@pytest.fixture
def command(slipway: Slipway, place: Path, empty_database: Path, root: Path) -> Callable[..., str]:
    """`slipway ...` with the package on its Python path; returns what it printed."""
    outside.write(place)
    (place / "mlflow.db").write_bytes(empty_database.read_bytes())
    slipway.environ |= {
        "PYTHONPATH": f"{place}:{root}",
        "MLFLOW_TRACKING_URI": f"sqlite:///{place}/mlflow.db",
        "MLFLOW_DEFAULT_ARTIFACT_ROOT": str(place / "artifacts"),
    }

    def run(*arguments: str, **environ: str) -> str:
        done = subprocess.run(
            [*slipway.python, "-m", "control", *arguments],
            env={**slipway.environ, **environ},
            capture_output=True,
            text=True,
            timeout=500,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


def test_an_app_outside_the_repository_has_the_whole_life_of_one(
    command: Callable[..., str], slipway: Slipway, place: Path
) -> None:
    listed = {"SLIPWAY_APPS": f"price,{PACKAGE}"}
    trained = [command("train", PACKAGE, "--json"), command("train", "rainfall", "--json", **listed)]
    results = [json.loads(text) for text in trained]
    assert [(one["app"], one["version"], one["verdict"]) for one in results] == [
        ("rainfall", 1, "registered"),
        ("rainfall", 2, "registered"),
    ]
    versions = place / "models" / "rainfall"
    assert 'name: "rainfall"' in (versions / "config.pbtxt").read_text()
    compared = json.loads(command("compare", PACKAGE, "1", "2", "--json"))
    assert compared["app"] == "rainfall" and compared["lines"][0]["metric"] == "mae"
    command("promote", PACKAGE, "2")
    shown = json.loads(command("models", PACKAGE, "--json"))["versions"]
    assert [(row["version"], row["alias"]) for row in shown] == [(1, None), (2, "champion")]
    command("card", "rainfall", **listed)
    assert "Version 2 on" in (place / "acme" / "rainfall" / "README.md").read_text()
    command("package", PACKAGE, "--format", "triton", "--out", str(place / "dist"))
    assert list((place / "dist").iterdir())
    assert scored(command, place) == pytest.approx([70.0, 100.0], abs=2)
    assert served(command, listed) == pytest.approx([77.5], abs=2)


def scored(command: Callable[..., str], place: Path) -> list[float]:
    """Answers of version 2 to two questions in a file, by a worker of Ray; it rejects the other two rows."""
    (place / "questions.jsonl").write_text('{"rain": 10.0}\n{"rain": "much"}\n{"rain": 20.0}\n{}\n')
    out = place / "answers.jsonl"
    paths = ("--data", str(place / "questions.jsonl"), "--out", str(out))
    summary = json.loads(command("score", PACKAGE, *paths, "--json", "--workers", "1"))
    assert (summary["version"], summary["rows"], summary["rejected"]) == (2, 4, 2)
    rejects = [json.loads(line) for line in (place / "answers.rejects.jsonl").read_text().splitlines()]
    assert [(one["row"], one["field"]) for one in rejects] == [(1, "$.rain"), (3, "$.rain")]
    answers = [json.loads(line) for line in out.read_text().splitlines()]
    assert [one["model_version"] for one in answers] == [2, None, 2, None]
    return [one["level"] for one in answers if one["level"] is not None]


def served(command: Callable[..., str], listed: dict[str, str]) -> list[Any]:
    """The answer of a gateway that serves the app, to the app's example."""
    only = {"SLIPWAY_APPS": PACKAGE}
    command("up", "--only", "ray", "--only", "gateway", **only)
    answer = json.loads(command("predict", PACKAGE))
    assert answer["model_name"] == "rainfall" and answer["model_version"] == "2"
    assert json.loads(command("predict", "rainfall", **listed))["predictions"] == answer["predictions"]
    return [one["level"] for one in answer["predictions"]]
