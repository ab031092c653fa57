"""A published version of the toy app, and files of its questions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.training import toy
from tests.training.conftest import make_servable
from training.publish import repository
from training.score.answers import schema
from training.score.merge import merge
from training.score.parts import Parts, Plan
from training.score.question_file import QuestionFile, read_question_file
from training.score.version import ModelRuntime
from training.score.worker import Job, Scorer

TOY = "tests.training.toy_app"
"""The name under which the catalog finds the toy."""


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory, toy_model: Path) -> Path:
    """A model repository with version 1 of the toy."""
    folder = tmp_path_factory.mktemp("models")
    repository.publish(make_servable(folder / "servable", toy_model), folder / "repository", "toy", 1)
    return folder / "repository"


@pytest.fixture
def runtime(models: Path) -> ModelRuntime:
    return ModelRuntime(repository=str(models))


@pytest.fixture
def parquet(tmp_path: Path) -> Path:
    """250 questions in groups of 100; row 120 has no `a`."""
    path = tmp_path / "questions.parquet"
    write_questions(path, 250, bad=(120,))
    return path


def write_questions(path: Path, rows: int, bad: tuple[int, ...] = ()) -> None:
    a = [None if row in bad else row / rows for row in range(rows)]
    b = [None if row % 5 == 0 else 0.01 * row for row in range(rows)]
    table = pa.table({"a": pa.array(a, pa.float64()), "b": b, "id": [f"q{row}" for row in range(rows)]})
    pq.write_table(table, path, row_group_size=100)


@pytest.fixture
def job(tmp_path: Path, runtime: ModelRuntime) -> Callable[..., Job]:
    """A job on a file, its folder of parts begun."""

    def make(data: Path, block_rows: int = 50, keep: tuple[str, ...] = ("id",), form: str = "parquet") -> Job:
        source = read_question_file(data, toy.Question, keep, block_rows)
        parts = Parts(tmp_path / "direct.parquet")
        with parts.locked():
            parts.begin(plan_of(source, block_rows, keep))
        return Job(app=TOY, version=1, runtime=runtime, source=source, keep=keep, form=form, parts=parts)

    return make


def plan_of(source: QuestionFile, block_rows: int = 50, keep: tuple[str, ...] = ()) -> Plan:
    return Plan(
        app="toy",
        version=1,
        fingerprint="f",
        data=source.sha256,
        keep=keep,
        block_rows=block_rows,
        rows=source.rows,
    )


def score_directly(job: Job, out: Path, rejects: Path) -> int:
    """All blocks in this process, without Ray; gives the number of rejected rows."""
    scorer = Scorer(job)
    for block in job.source.blocks:
        scorer.score(block)
    scorer.close()
    columns = schema(toy.Answer, job.source, job.keep, job.form)
    return merge(job.parts, len(job.source.blocks), job.source.rows, columns, job.form, out, rejects)
