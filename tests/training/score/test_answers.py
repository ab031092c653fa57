from __future__ import annotations

import datetime
from pathlib import Path
from typing import Literal

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from serving.kernel.find_app import find_apps
from training.errors import DataError
from training.score.answers import schema, table
from training.score.question_file import QuestionFile


class Part(msgspec.Struct):
    name: str
    share: float | None


class Rich(msgspec.Struct):
    score: float
    label: Literal["a", "b"]
    day: datetime.date
    parts: list[Part]
    notes: dict[str, int]
    either: int | str = 1


def source(path: str = "q.jsonl", form: str = "jsonl") -> QuestionFile:
    return QuestionFile(path=path, format=form, sha256="", rows=1, columns=(), blocks=())


def test_a_row_for_each_and_nulls_where_there_is_no_answer() -> None:
    columns = schema(Rich, source(), ("id",), "parquet")
    assert columns.names == ["row", "id", "score", "label", "day", "parts", "notes", "either", "model_version"]
    answer = Rich(float("nan"), "a", datetime.date(2024, 1, 2), [Part("x", float("inf"))], {"n": 1})
    made = table(columns, Rich, 5, 2, {6: answer}, {"id": pa.array(["p", "q"])}, 3)
    assert made.schema == columns
    assert made.to_pylist() == [
        {**dict.fromkeys(columns.names), "row": 5, "id": "p"},
        {
            "row": 6,
            "id": "q",
            "score": None,
            "label": "a",
            "day": datetime.date(2024, 1, 2),
            "parts": [{"name": "x", "share": None}],
            "notes": '{"n":1}',
            "either": "1",
            "model_version": 3,
        },
    ]


@pytest.mark.parametrize("app", find_apps(), ids=lambda app: app.name)
def test_every_app_has_a_schema(app: object) -> None:
    columns = schema(app.answer, source(), (), "parquet")  # type: ignore[attr-defined]
    assert len(columns) == 2 + len(msgspec.structs.fields(app.answer))  # type: ignore[attr-defined]


def test_names_that_would_be_there_twice_are_refused() -> None:
    with pytest.raises(DataError, match="'score' would occur twice in the output"):
        schema(Rich, source(), ("score",), "parquet")


def test_csv_takes_flat_answers_only(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="the answer's field 'parts' is a list or an object"):
        schema(Rich, source(), (), "csv")
    path = tmp_path / "q.parquet"
    pq.write_table(pa.table({"tags": [["x"]], "n": [1]}), path)
    parquet = source(str(path), "parquet")
    assert schema(Part, parquet, ("n",), "csv").field("n").type == pa.int64()
    with pytest.raises(DataError, match="--keep tags"):
        schema(Part, parquet, ("tags",), "csv")
