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
    return QuestionFile(
        path=path, format=form, sha256="", rows=1, columns=(), blocks=(), kept={"id": "text", "score": "float"}
    )


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


def test_csv_holds_lists_and_objects_as_json_text(tmp_path: Path) -> None:
    path = tmp_path / "q.parquet"
    tags = pa.array([["x"], None])
    pq.write_table(pa.table({"tags": tags, "n": [1, 2]}), path)
    columns = schema(Rich, source(str(path), "parquet"), ("tags", "n"), "csv")
    assert columns.field("n").type == pa.int64() and columns.field("score").type == pa.float64()
    assert {columns.field(name).type for name in ("tags", "parts", "notes")} == {pa.string()}
    answer = Rich(1.5, "a", datetime.date(2024, 1, 2), [Part("x", float("inf"))], {"n": 1})
    made = table(columns, Rich, 0, 2, {0: answer}, {"tags": tags, "n": pa.array([1, 2])}, 3).to_pylist()
    assert (made[0]["tags"], made[0]["parts"]) == ('["x"]', '[{"name":"x","share":null}]')
    assert (made[1]["tags"], made[1]["parts"], made[1]["n"]) == (None, None, 2)
