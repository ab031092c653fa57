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
@pytest.mark.parametrize(
    ("name", "field", "label"), [("fraud", "features", "label"), ("quality", "measurements", "grade")]
)
def test_the_table_that_trains_an_app_is_scored(
    slipway: Slipway, trained: Trained, tmp_path: Path, name: str, field: str, label: str
) -> None:
    """The answers are those of the same questions as JSON lines."""
    import json

    import pandas as pd

    from serving.kernel.find_app import find_app
    from training.find_recipe import find

    trained.version(find_app(name))
    repository = str(trained.repository.root)
    table = find(name).generate(7).head(40)
    assert label in table.columns
    table["order"] = range(100, 140)
    table.to_csv(tmp_path / "t.csv", index=False)
    numbers = [column for column in table if column not in {label, "order", "supplier", "grade_value"}]
    rows = [{field: {key: row[key] for key in numbers if pd.notna(row[key])}} for row in table.to_dict("records")]
    (tmp_path / "q.jsonl").write_text("\n".join(map(json.dumps, rows)))
    answers = {}
    for data, out, keep in (
        ("t.csv", "t.parquet", ["--keep", "order"]),
        ("t.csv", "t.out.csv", []),
        ("q.jsonl", "q.parquet", []),
    ):
        paths = ("--data", str(tmp_path / data), "--out", str(tmp_path / out))
        done = slipway.run("score", name, *paths, *keep, SLIPWAY_MODEL_REPOSITORY=repository)
        assert done.returncode == 0, done.stderr
        assert ("left out: " in done.stderr) == (data == "t.csv")
        path = tmp_path / out
        is_csv = path.suffix == ".csv"
        answers[out] = pd.read_csv(path, float_precision="round_trip") if is_csv else pd.read_parquet(path)
    assert answers["t.parquet"]["order"].tolist() == list(range(100, 140))
    shown = "risk" if name == "fraud" else "grade"
    assert answers["t.parquet"][shown].notna().all()
    for column in ("score", shown, "model_version"):
        assert answers["t.parquet"][column].tolist() == answers["q.parquet"][column].tolist()
        assert answers["t.out.csv"][column].tolist() == answers["q.parquet"][column].tolist()


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
