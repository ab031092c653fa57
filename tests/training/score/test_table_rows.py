from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pandas._libs.parsers import STR_NA_VALUES

from serving.kernel.find_app import find_apps
from training.errors import DataError
from training.recipe import QuestionColumns
from training.score.question_file import read_question_file
from training.score.rows import Reject, read_block
from training.score.table_rows import MISSING_WORDS, has_numbers_by_name

Number = Annotated[float, msgspec.Meta(ge=-100, le=100)]


class Record(msgspec.Struct, forbid_unknown_fields=True):
    values: Annotated[dict[str, Number], msgspec.Meta(min_length=1)]
    supplier: str | None = None
    history: tuple[int, ...] = ()


MEMBERS = QuestionColumns(field="values", columns=("a", "b"))


def read(path: Path, keep: tuple[str, ...] = ()) -> tuple[dict[int, Any], list[Reject], tuple[str, ...]]:
    source = read_question_file(path, Record, keep, 100, MEMBERS)
    questions: dict[int, Any] = {}
    rejects: list[Reject] = []
    for block in source.blocks:
        for rows in read_block(source, block, Record, keep, 2):
            questions |= rows.questions
            rejects += rows.rejects
    return questions, rejects, source.left_out


def test_a_row_of_csv_is_a_question(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("label,a,b,supplier\n0,1,2.5,A\n1, 3 ,NA,12\n1,True,,\n0,,,B\n0,x,1,C\n0,1,101,D\n0,inf,1,E\n")
    questions, rejects, left_out = read(path)
    assert questions == {
        0: Record({"a": 1.0, "b": 2.5}, "A"),
        1: Record({"a": 3.0}, "12"),
        2: Record({"a": 1.0}),
    }
    assert [(one.row, one.field) for one in rejects] == [
        (3, "$.values"),
        (4, "$.values.a"),
        (5, "$.values.b"),
        (6, "$.values.a"),
    ]
    assert rejects[1].reason == "got 'x'; allowed: a number or an empty cell"
    assert rejects[2].reason.startswith("out of range")
    assert left_out == ("label",)
    assert read(path, ("label",))[2] == ()


def test_a_row_of_parquet_is_a_question(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    columns = {
        "a": [1, None, 3],
        "b": [float("nan"), 2.0, 200.0],
        "supplier": ["A", None, "C"],
        "history": [[1], [], []],
    }
    pq.write_table(pa.table(columns), path)
    questions, rejects, left_out = read(path)
    assert questions == {0: Record({"a": 1.0}, "A", (1,)), 1: Record({"b": 2.0})}
    assert [(one.row, one.field) for one in rejects] == [(2, "$.values.b")]
    assert left_out == ()


def test_nested_questions_are_read_as_before(tmp_path: Path) -> None:
    pq.write_table(pa.table({"values": pa.array([{"a": 1.0, "b": 2.0}])}), tmp_path / "q.parquet")
    (tmp_path / "q.jsonl").write_text('{"values":{"a":1.0,"b":2.0}}')
    for name in ("q.parquet", "q.jsonl"):
        assert read(tmp_path / name) == ({0: Record({"a": 1.0, "b": 2.0})}, [], ())


def test_a_column_that_the_version_knows_must_be_there(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,c\n1,2\n")
    with pytest.raises(DataError, match="column 'b' is missing; the version was trained on it"):
        read(tmp_path / "t.csv")


def test_missing_values_are_those_of_the_training() -> None:
    assert MISSING_WORDS == STR_NA_VALUES


def test_which_questions_may_be_rows() -> None:
    assert [app.name for app in find_apps() if has_numbers_by_name(app.question)] == ["fraud", "quality"]
