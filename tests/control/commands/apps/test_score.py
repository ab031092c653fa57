"""`slipway score` from the shell: what it refuses, and how it ends. Scoring itself: tests/training/score."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.control.conftest import Slipway
from tests.trained import Trained


@pytest.fixture
def question(tmp_path: Path) -> Path:
    path = tmp_path / "q.jsonl"
    path.write_text('{"commodity":"onion"}\n')
    return path


def test_the_file_and_the_output_must_be_named(slipway: Slipway) -> None:
    done = slipway.run("score", "price")
    assert done.returncode == 2 and "--data" in done.stderr


def test_no_version_and_no_app(slipway: Slipway, question: Path) -> None:
    paths = ("--data", str(question), "--out", str(question.with_name("a.parquet")))
    done = slipway.run("score", "price", *paths)
    assert done.returncode == 2 and "`slipway train price` makes one" in done.stderr
    done = slipway.run("score", "nothing", *paths)
    assert done.returncode == 2 and done.stderr.startswith("error: there is no app 'nothing'")
    done = slipway.run("score", "price", "--data", str(question), "--out", "a.xlsx")
    assert done.returncode == 2 and "expected a file that ends in .parquet" in done.stderr
    assert list(question.parent.iterdir()) == [question]


@pytest.mark.slow
def test_questions_of_a_real_app(slipway: Slipway, trained: Trained, tmp_path: Path) -> None:
    import json

    import msgspec

    from apps.price.app import app

    version = trained.version(app)
    data, out = tmp_path / "q.jsonl", tmp_path / "a.csv"
    good = msgspec.json.encode(app.example)
    data.write_bytes(b"\n".join([good, good.replace(b'"onion"', b'"gold"'), good, b"{}"]))
    line = ("score", "price", "--data", str(data), "--out", str(out), "--json", "--workers", "1")
    done = slipway.run(*line, SLIPWAY_MODEL_REPOSITORY=str(trained.repository.root))
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert (summary["version"], summary["rows"], summary["rejected"]) == (version, 4, 2)
    rows = out.read_text().splitlines()
    assert len(rows) == 5 and rows[1].split(",")[1:] == rows[3].split(",")[1:] and rows[1].endswith(f",{version}")
    rejects = [json.loads(line) for line in (tmp_path / "a.rejects.jsonl").read_text().splitlines()]
    assert [(one["row"], one["field"]) for one in rejects] == [(1, "$.commodity"), (3, "$.commodity")]
    again = slipway.run(*line, SLIPWAY_MODEL_REPOSITORY=str(trained.repository.root))
    assert again.returncode == 2 and "--overwrite replaces it" in again.stderr
