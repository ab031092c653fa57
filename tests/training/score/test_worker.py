from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pyarrow.parquet as pq
import pytest

from serving.kernel.errors import BackendFailed, Invalid
from serving.kernel.tensors import Arrays
from tests.training import toy
from tests.training.score.conftest import write_questions
from training.errors import ScoreError
from training.score.worker import Job, Scorer

MakeJob = Callable[..., Job]


def test_a_part_has_the_answers_of_the_native_model(job: MakeJob, parquet: Path) -> None:
    made = job(parquet)
    scorer = Scorer(made)
    raw = [msgspec.json.encode(block) for block in made.source.blocks]
    done = scorer({"block": np.array(raw, object)})
    scorer.close()
    assert sum(done["rows"]) == 250 and sum(done["rejected"]) == 1
    rows = [
        row for block in made.source.blocks for row in pq.read_table(made.parts.answers(block.number)).to_pylist()
    ]
    assert [row["row"] for row in rows] == list(range(250))
    assert [row["id"] for row in rows] == [f"q{row}" for row in range(250)]
    questions = pq.read_table(parquet).to_pylist()
    good = [toy.Question(row["a"], row["b"]) for row in questions if row["a"] is not None]
    import xgboost

    features = toy.features(good, toy.Context())["features"]
    wanted = toy.local_booster().predict(xgboost.DMatrix(features))
    found = [row["y"] for row in rows if row["model_version"] == 1]
    np.testing.assert_allclose(found, wanted, atol=1e-4)
    assert rows[120]["y"] is None and rows[120]["model_version"] is None


def test_a_question_the_features_refuse_is_alone_without_answer(
    job: MakeJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_questions(tmp_path / "q.parquet", 100, bad=(20,))
    made = job(tmp_path / "q.parquet", 100)
    scorer = Scorer(made)

    def picky(questions: list[toy.Question], context: toy.Context) -> Arrays:
        for index, question in enumerate(questions):
            if round(question.a * 100) in (7, 8, 31, 32, 99):
                raise Invalid(f"[{index}].a", "unlucky")
        return toy.features(questions, context)

    # The app is frozen, as all are; a test may.
    object.__setattr__(scorer._app, "features", picky)
    try:
        assert scorer.score(made.source.blocks[0]) == 6
    finally:
        object.__setattr__(scorer._app, "features", toy.features)
        scorer.close()
    rejects = [msgspec.json.decode(line) for line in made.parts.rejects(0).read_bytes().splitlines()]
    assert [one["row"] for one in rejects] == [7, 8, 20, 31, 32, 99]
    assert rejects[0] == {"row": 7, "field": "$.a", "reason": "unlucky"}
    rows = pq.read_table(made.parts.answers(0)).to_pylist()
    assert [row["row"] for row in rows if row["y"] is None] == [7, 8, 20, 31, 32, 99]


def test_a_block_that_fails_leaves_nothing(job: MakeJob, parquet: Path) -> None:
    made = job(parquet)
    scorer = Scorer(made)

    def broken(questions: list[toy.Question], context: toy.Context) -> Arrays:
        raise BackendFailed("out of order")

    object.__setattr__(scorer._app, "features", broken)
    try:
        with pytest.raises(ScoreError, match="rows 0 to 31: out of order"):
            scorer.score(made.source.blocks[0])
    finally:
        object.__setattr__(scorer._app, "features", toy.features)
        scorer.close()
    assert sorted(path.name for path in made.parts.folder.iterdir()) == ["lock", "plan.json"]


def test_a_file_that_changed_meanwhile_is_noticed(job: MakeJob, tmp_path: Path, parquet: Path) -> None:
    made = job(parquet)
    scorer = Scorer(made)
    write_questions(parquet, 30)
    with pytest.raises(ScoreError, match="the file has changed"):
        scorer.score(made.source.blocks[0])
    scorer.close()
