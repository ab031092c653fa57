from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pyarrow.csv
import pyarrow.json
import pyarrow.parquet as pq
import pytest

from tests.training import toy
from tests.training.score.conftest import score_directly
from training.errors import ScoreError
from training.score.answers import schema
from training.score.merge import merge
from training.score.worker import Job

MakeJob = Callable[..., Job]


@pytest.mark.parametrize("form", ["parquet", "csv", "jsonl"])
def test_every_row_is_in_the_output_in_order(job: MakeJob, parquet: Path, tmp_path: Path, form: str) -> None:
    out = tmp_path / f"out.{form}"
    assert score_directly(job(parquet, form=form), out, tmp_path / "rejects") == 1
    if form == "parquet":
        rows = pq.read_table(out).to_pylist()
    elif form == "csv":
        rows = pyarrow.csv.read_csv(out).to_pylist()
    else:
        rows = pyarrow.json.read_json(out).to_pylist()
    assert [row["row"] for row in rows] == list(range(250))
    assert [row["row"] for row in rows if row["y"] is None] == [120]
    assert (tmp_path / "rejects").read_text().startswith('{"row":120,"field":"$.a","reason":"required field')


def test_a_missing_row_is_an_error_and_the_output_is_as_before(
    job: MakeJob, parquet: Path, tmp_path: Path
) -> None:
    made = job(parquet)
    out = tmp_path / "out.parquet"
    score_directly(made, out, tmp_path / "rejects")
    before = out.read_bytes()
    columns = schema(toy.Answer, made.source, made.keep, "parquet")
    with pytest.raises(ScoreError, match="250 rows of output for 251 rows of input"):
        merge(made.parts, len(made.source.blocks), 251, columns, "parquet", out, tmp_path / "rejects")
    assert out.read_bytes() == before
